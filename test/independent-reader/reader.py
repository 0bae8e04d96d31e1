#!/usr/bin/env python3
"""Reads a vault in a directory from docs/vault-format.md alone, sharing no line with the engine: so the page is known to be true, and enough.

    reader.py list DIR                            the points; each manifest checked as far as that goes without a key
    reader.py restore DIR CHAIN/POINT TARGET      into a folder that is absent or empty
    reader.py digest DIR CHAIN/POINT [--at MS]    of a point's lines; with --at of the table as it was then: {"items", "bytes", "sum"}
HOLDFAST_VAULT_PASSPHRASE has the passphrase, or HOLDFAST_VAULT_KEY the data key (64 hex). Needs Python 3.11, cryptography, zstandard.
Exit 0: all is well. 1: something was refused; what and where is on stderr, and nothing was written for it. 2: called wrongly.
"""
import base64, contextlib, functools, hashlib, hmac, itertools, json, os, re, struct, sys, unicodedata, zstandard
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

MIB = 2**20
REFERENCE, ROW, TABLE_ROW, FOOTER = struct.Struct('<32s16s8sIIIB3s'), struct.Struct('<32s16sIIII'), struct.Struct('<16s32sI'), struct.Struct('<IIII8s')
CHAIN = re.compile(r'([a-z0-9_-]{1,64})\.\d{8}T\d{6}Z\.[0-9a-f]{8}')
POINT = re.compile(r'\d{8}T\d{9}Z-(full|incremental|differential|snapshot|log|checkpoint)-[0-9a-f]{16}')
CHANGES = re.compile(r'changes/([^/]+)/(\d{16})-(\d{16})')
refused = 0

class Refused(Exception): ...
def need(fits, where, found):
    if not fits:
        raise Refused(f'{where}: {found}')
@contextlib.contextmanager
def refusing(where, found):
    try:
        yield
    except (InvalidTag, ValueError, OSError, zstandard.ZstdError) as error:
        raise Refused(f'{where}: {found} ({error!r})') from None
@contextlib.contextmanager
def noting(where):  # What is refused in it is said, and the rest goes on.
    global refused
    try:
        yield
    except (Refused, OSError) as error:
        refused += 1
        print(f'{where}: {error}', file=sys.stderr)

def parse(raw, where):
    with refusing(where, 'no JSON in UTF-8'):
        value = json.loads(raw.decode())
    need(isinstance(value, dict), where, 'JSON, but no object')
    return value
def unseal(key, nonce, sealed, bound, where):
    with refusing(where, 'does not open: changed, moved, or of another key'):
        return AESGCM(key).decrypt(nonce, sealed, bound)
def unzstd(frame, most, where):
    with refusing(where, 'not exactly one whole zstd frame'):
        return zstandard.ZstdDecompressor().decompress(frame, most, allow_extra_data=False)
def block(data, at, where, unit=1):  # What stands behind a length, and where it ends.
    length = int.from_bytes(data[at : at + 4], 'little')
    end = at + 4 + length * unit
    need(end <= len(data), where, f'the length {length} at {at} does not fit')
    return data[at + 4 : end], end
def canonical(value):
    if isinstance(value, dict):
        return '{' + ','.join(f'{canonical(k)}:{canonical(value[k])}' for k in sorted(value, key=lambda k: k.encode('utf-16-be'))) + '}'
    return '[' + ','.join(map(canonical, value)) + ']' if isinstance(value, list) else json.dumps(value, ensure_ascii=False)
unbase64 = functools.partial(base64.b64decode, validate=True)
def name_of(meta, field):
    return meta[field].encode() if field in meta else unbase64(meta[field + 'b'])

class Vault:
    def __init__(self, root):
        self.root = root
        said = parse(self.read('holdfast-vault.json', MIB), 'holdfast-vault.json')
        need(said.get('format') == 1, 'holdfast-vault.json', f'format {said.get("format")}; this reader knows 1')
        self.id = said['vault']
    def read(self, name, most):
        with refusing(name, 'cannot be read'), open(os.path.join(self.root, name), 'rb') as file:
            data = file.read(most + 1)
        need(len(data) <= most, name, f'longer than the {most} bytes that it may have')
        return data
    def folder(self, name):
        return sorted(os.listdir(os.path.join(self.root, name))) if os.path.isdir(os.path.join(self.root, name)) else []
    @functools.cache
    def keys(self, key_id):
        given = os.environ.get('HOLDFAST_VAULT_KEY')
        need(given is None or re.fullmatch('[0-9a-f]{64}', given), 'HOLDFAST_VAULT_KEY', 'not 64 hex')
        return Keys(bytes.fromhex(given) if given else self.unwrap(key_id))
    def unwrap(self, key_id):
        passphrase, kinds = unicodedata.normalize('NFC', os.environ.get('HOLDFAST_VAULT_PASSPHRASE', '')).encode(), []
        for where in (f'keys/{key_id}/{generation}' for generation in reversed(self.folder(f'keys/{key_id}'))):
            said = parse(self.read(where, MIB), where)
            found = (said['format'], said['vault'], f'keys/{said["key"]}/{said["generation"]:08d}')
            need(found == (1, self.id, where), where, f'says that its format, vault and name are {found}')
            kinds += [wrap['kind'] for wrap in said['wraps']]
            for wrap in (wrap for wrap in said['wraps'] if wrap['kind'] == 'passphrase'):
                need(128 * wrap['r'] * (wrap['n'] + wrap['p']) < 1024 * MIB, where, 'its scrypt wants more than 1 GiB')
                secret = hashlib.scrypt(passphrase, salt=unbase64(wrap['salt']), n=wrap['n'], r=wrap['r'], p=wrap['p'], dklen=32, maxmem=1025 * MIB)
                with contextlib.suppress(Refused):  # Another wrap, or an older generation, may be this passphrase's.
                    return unseal(secret, unbase64(wrap['nonce']), unbase64(wrap['sealed']), f'holdfast/1/key/{key_id}'.encode(), where)
        raise Refused(f'keys/{key_id}: does not open with HOLDFAST_VAULT_PASSPHRASE; it is wrapped by: {", ".join(kinds) or "nothing that is here"}')

class Keys:
    def __init__(self, data_key):
        self.derive = lambda info: hmac.digest(hmac.digest(bytes(32), data_key, 'sha256'), b'holdfast/1/' + info + b'\x01', 'sha256')  # RFC 5869
        self.id, tag = self.derive(b'id'), AESGCM(self.derive(b'tag'))
        self.tag_of = lambda raw: tag.encrypt(bytes(12), b'', raw)

class Pack:
    def __init__(self, vault, row, keys, key_id):
        (self.id, digest, size), self.keys = row, keys
        self.name = name = f'packs/{digest.hex()[:2]}/{digest.hex()}'
        self.data = data = vault.read(name, 64 * MIB)
        need(len(data) == size and size >= 72, name, f'{len(data)} bytes; the manifest says {size}')
        need(hashlib.sha256(data).digest() == digest, name, f'its SHA-256 is {hashlib.sha256(data).hexdigest()}')
        need(data[:32] == b'HFPACK\x00\x01' + self.id + key_id, name, f'begins with {data[:32].hex()}: not format 1, this pack and this key')
        index_at, stored, count, zero, end = FOOTER.unpack(data[-24:])
        need((zero, end) == (0, b'HFPEND\x00\x01') and index_at + stored + 24 == size, name, f'ends with {data[-24:].hex()}, which does not fit')
        self.key, self.rows, at = keys.derive(b'pack' + self.id), {}, 32
        index = unseal(self.key, struct.pack('<QI', index_at, 0), data[index_at:-24], self.id + b'index' + struct.pack('<I', count), f'{name}, index')
        need(len(index) == count * 64, name, f'an index of {len(index)} bytes for {count} chunks')
        for chunk_id, tag, offset, stored, raw, codec in ROW.iter_unpack(index):
            need(offset == at and raw <= 16 * MIB and codec in (0, 1), name, f'its index has a chunk at {offset} behind {at}, of {raw} bytes in codec {codec}')
            self.rows[offset], at = (chunk_id, tag, stored, raw, codec), at + stored
        need(at == index_at, name, f'its chunks end at {at}, its index begins at {index_at}')
    def chunk(self, offset):
        (chunk_id, tag, stored, raw_bytes, codec), where = self.rows[offset], f'{self.name}, chunk at {offset}'
        bound = self.id + struct.pack('<III', offset, raw_bytes, codec) + chunk_id
        raw = unseal(self.key, struct.pack('<QI', offset, 0), self.data[offset : offset + stored], bound, where)
        raw = unzstd(raw, raw_bytes, where) if codec == 1 else raw
        need(len(raw) == raw_bytes, where, f'{len(raw)} bytes, not {raw_bytes}')
        need(hmac.digest(self.keys.id, hashlib.sha256(raw).digest(), 'sha256') == chunk_id, where, 'its id is not that of its bytes')
        need(self.keys.tag_of(raw) == tag, where, 'its tag is not that of its bytes')
        return raw

class Point:  # A manifest, as far as it can be read without a key; once opened, the content too.
    def __init__(self, vault, chain, point):
        self.vault, self.where = vault, f'points/{chain}/{point}'
        need(CHAIN.fullmatch(chain) and POINT.fullmatch(point), self.where, 'no name of a point')
        data, end = (whole := vault.read(self.where, 1024 * MIB))[:-32], whole[-32:].hex()
        self.sha256 = hashlib.sha256(data).hexdigest()
        need(data[:8] == b'HFPOINT\x01', self.where, f'begins with {data[:8].hex()}: no manifest of format 1')
        need(end == self.sha256, self.where, f'its SHA-256 is {self.sha256}, its end says {end}')
        header, at = block(data, 8, self.where)
        table, at = block(data, at, self.where, TABLE_ROW.size)
        self.bound, (self.sealed, end) = hashlib.sha256(data[:at]).digest(), block(data, at, self.where)
        need(end == len(data), self.where, f'its body ends at {end}, of {len(data)} bytes')
        self.header, self.packs = parse(header, f'{self.where}, header'), list(TABLE_ROW.iter_unpack(table))
        expected = {'format': 1, 'vault': vault.id, 'source': CHAIN.fullmatch(chain)[1], 'chain': chain, 'point': point, 'type': POINT.fullmatch(point)[1]}
        for field, value in expected.items():
            need(self.header.get(field) == value, self.where, f'its header says {field} {self.header.get(field)!r}, not {value!r}')
        need(all(a[0] < b[0] for a, b in zip(self.packs, self.packs[1:])), self.where, 'its table of packs is not sorted')
    def opened(self):
        self.keys, where = self.vault.keys(self.header['key']), f'{self.where}, body'
        key = self.keys.derive(b'point' + bytes.fromhex(self.header['salt']))
        self.body = parse(unzstd(unseal(key, bytes(12), self.sealed, self.bound, where), 1024 * MIB, where), where)
        self.by_short = {short: list(rows) for short, rows in itertools.groupby(self.packs, lambda row: row[0][:8])}
        self.pack = functools.lru_cache(4)(lambda row: Pack(self.vault, row, self.keys, bytes.fromhex(self.header['key'])))
        self.chunk = functools.lru_cache(4)(lambda pack, offset: pack.chunk(offset))
        return self
    def extent(self, reference, offset, length, where):  # Bytes of a chunk; without length all of it.
        chunk_id, tag, short, at, stored, raw_bytes, codec, zero = REFERENCE.unpack(reference)
        pack = next((pack for pack in map(self.pack, self.by_short.get(short, [])) if pack.rows.get(at, (None,))[0] == chunk_id), None)
        need(pack, where, f'no pack {short.hex()}… of the table has the chunk {chunk_id.hex()} at {at}')
        row, length = pack.rows[at], raw_bytes if length is None else length
        need(row[2:] == (stored, raw_bytes, codec) and zero == bytes(3), where, f'a reference differs from the index of {pack.name} at {at}')
        need(offset + length <= raw_bytes, where, f'{length} bytes at {offset} in a chunk of {raw_bytes}')
        raw = self.chunk(pack, at)[offset : offset + length]
        need(tag == (row[1] if length == raw_bytes else self.keys.tag_of(raw)), where, f'a tag is not that of the bytes, in {pack.name} at {at}')
        return raw
    def entries(self):  # (name, JSON, extents), until there were as many entries and bytes as the body says.
        said, where, at = self.body['entries'], f'{self.where}, entry stream', 0
        references = unbase64(said['references'])
        need(len(references) % 72 == 0, where, f'{len(references)} bytes of references')
        stream = b''.join(self.extent(reference, 0, None, where) for (reference,) in struct.iter_unpack('72s', references))
        for count in range(said['count']):
            raw, at = block(stream, at, f'{where}, entry {count}')
            extents, at = block(stream, at, f'{where}, entry {count}', 80)
            need(len(raw) <= MIB and len(extents) <= 80 * 2**24, where, f'entry {count} has a JSON of {len(raw)} bytes and {len(extents)} bytes of extents')
            meta = parse(raw, f'{where}, entry {count}')
            yield name_of(meta, 'n'), meta, extents
        need(at == len(stream) == said['bytes'], where, f'{said["count"]} entries in {at} bytes, of {len(stream)}; the body says {said["bytes"]}')
    def content(self, extents, where):  # Bytes, or the length of a hole.
        for reference, offset, length in struct.iter_unpack('<72sII', extents):
            need(reference != bytes(72) or offset == 0, where, f'a hole has an offset, {offset}')
            yield length if reference == bytes(72) else self.extent(reference, offset, length, where)
    def lines(self):  # (name of the entry, line, its JSON), until there were as many as the digest says, and the same.
        total = Sum()
        for name, _, extents in self.entries():
            where, rest = f'{self.where}, {os.fsdecode(name)}', b''
            for piece in self.content(extents, where):
                *whole, rest = (rest + (bytes(piece) if isinstance(piece, int) else piece)).split(b'\n')
                for line in whole:
                    value = parse(line, f'{where}, line {total.items}')
                    need(canonical(value).encode() == line, where, f'line {total.items} is not canonical')
                    total.add(line)
                    yield name.decode(), value
            need(rest == b'', where, 'its last line has no newline')
        need(total.json() == self.body['digest'] or total.items == 0, self.where, f'its lines are {total.json()}, its digest is {self.body["digest"]}')

class Sum:
    items = bytes = sum = 0
    def add(self, line):
        self.items, self.bytes, self.sum = self.items + 1, self.bytes + len(line), (self.sum + int(hashlib.sha256(line).hexdigest(), 16)) % 2**256
    def json(self):
        return {'items': self.items, 'bytes': self.bytes, 'sum': f'{self.sum:064x}'}

def restore(point, target):
    need(not os.path.lexists(target) or (os.path.isdir(target) and not os.listdir(target)), target, 'is there already, and no empty folder')
    all(True for _ in (point.lines() if point.body['digest'] else []))  # All lines and entries are looked at before anything is written.
    order = lambda name, kind: ('hd'.find(kind), name == b'.', -name.count(b'/') if kind == 'd' else 0)  # Links behind what they link, folders last, innermost first.
    entries = sorted(point.entries(), key=lambda entry: order(entry[0], entry[1].get('t', 'f')))
    os.makedirs(target, exist_ok=True)
    root = os.fsencode(os.path.realpath(target))
    def place(name):  # Never through a link, which might lead out.
        parts = [] if name == b'.' else name.split(b'/')
        need(b'\0' not in name and not {b'', b'.', b'..'} & set(parts), 'its name', f'{name!r} is no relative name')
        path, *above = [os.path.join(root, *parts[:i]) for i in range(len(parts), -1, -1)]
        need(not any(map(os.path.islink, above)), 'its name', f'{name!r} lies under a symbolic link')
        return path
    def write(path, meta, extents):
        kind = meta.get('t', 'f')
        if kind == 'h':
            return os.link(place(name_of(meta, 'to')), path, follow_symlinks=False)
        if kind == 'l':
            os.symlink(name_of(meta, 'to'), path)
        elif kind == 'p':
            os.mkfifo(path)
        elif kind != 'd':
            need(kind == 'f', 'its type', f'{kind}; this reader makes no sockets and no devices')
            with open(path, 'xb') as file:
                for piece in point.content(extents, 'its content'):
                    file.seek(piece, os.SEEK_CUR) if isinstance(piece, int) else file.write(piece)
                need(file.tell() == meta.get('s', file.tell()), 'its content', f'has {file.tell()} bytes, not {meta.get("s")}')
                file.truncate(file.tell())
        if os.geteuid() == 0 and 'u' in meta:
            os.lchown(path, meta['u'], meta['g'])
        for attribute, value in meta.get('x', {}).items():
            with noting(f'{name_of(meta, "n")!r}, left without its attribute {attribute}'):
                os.setxattr(path, attribute, unbase64(value), follow_symlinks=False)
        if 'm' in meta and kind != 'l':
            os.chmod(path, meta['m'])
        if 'mt' in meta:
            os.utime(path, ns=(int(meta['mt']),) * 2, follow_symlinks=False)
    for name, meta, extents in entries:
        with noting(f'{point.where}, {name!r}, not written'), contextlib.ExitStack() as undo:
            is_folder, path = meta.get('t') == 'd', place(name)
            os.makedirs(path if is_folder else os.path.dirname(path), exist_ok=True)
            need(is_folder or not os.path.lexists(path), 'its name', 'comes twice')
            partial = path if is_folder else os.path.join(os.path.dirname(path), b'.holdfast-' + os.urandom(8).hex().encode())
            undo.callback(lambda: not is_folder and os.path.lexists(partial) and os.unlink(partial))
            write(partial, meta, extents)
            os.rename(partial, path)  # In its place only now that all of it was right.

def table_at(point, at_ms):  # The items of the chain's base, each overridden by the last record of its key that counts at that time.
    points = [point]
    while parent := points[0].header['parent']:
        points.insert(0, Point(point.vault, point.header['chain'], parent['point']).opened())
        need(points[0].sha256 == parent['sha256'], points[0].where, f'has the SHA-256 {points[0].sha256}; {points[1].where} names {parent["sha256"]}')
    base, cuts, state, last, positions = points[0], [cut for each in points for cut in each.body['cuts']], {}, {}, dict(points[0].body['positions'])
    need(base.body['throughMs'] <= at_ms <= point.body['throughMs'], point.where, f'covers {base.body["throughMs"]} to {point.body["throughMs"]}, not {at_ms}')
    for _, item in base.lines():
        key = item['key'] if isinstance(item.get('sealed'), str) else item[base.body['source']['keyName']]['S']
        need(key not in state, base.where, f'two items of the key {key!r}')
        state[key] = item
    for delta in points[1:]:
        for name, record in delta.lines():
            (origin, first, end), number, made_ms = CHANGES.fullmatch(name).groups(), record['sequence'], record['atMs']
            need(int(first) <= number <= int(end) and number == positions.get(origin, 0) + 1, f'{delta.where}, {name}', f'record {number} behind {positions.get(origin, 0)}')
            positions[origin] = number
            epoch = max([record['epoch']] + [cut['epoch'] for cut in cuts if cut['region'] == origin and cut['openedAtMs'] // 1000 * 1000 <= made_ms])
            is_lost = any(cut['openedAtMs'] <= at_ms and cut['region'] != origin and epoch < cut['epoch'] and number > cut['positions'].get(origin, number) for cut in cuts)
            if made_ms <= at_ms and not is_lost:
                found, of_key = ((epoch, record['sequenceNumber'], number), made_ms, origin, record['image']), last.setdefault(record['key'], {})
                of_key[origin] = max(of_key.get(origin, found), found, key=lambda found: found[0])
        need(all(positions.get(origin, 0) == n for origin, n in delta.body['positions'].items()), delta.where, f'its records end at {positions}, not {delta.body["positions"]}')
    state |= {key: max(of_key.values(), key=lambda found: (found[0][0], *found[1:3]))[3] for key, of_key in last.items()}
    total, left = Sum(), [item for item in state.values() if item is not None]
    for item in left:
        None if isinstance(item.get('sealed'), str) else total.add(canonical(item).encode())  # A person's key is never in the vault.
    return total.json() | ({'erased': len(left) - total.items} if len(left) > total.items else {})

def main(arguments):
    match arguments:
        case ['list', root]:
            vault = Vault(root)
            for chain, name in ((chain, name) for chain in vault.folder('points') for name in vault.folder(f'points/{chain}')):
                with noting('Refused'):
                    point = Point(vault, chain, name)
                    print(json.dumps({**point.header, 'sha256': point.sha256, 'packs': len(point.packs), 'packBytes': sum(row[2] for row in point.packs)}))
        case ['restore', root, name, target]:
            restore(Point(Vault(root), *name.split('/', 1)).opened(), target)
        case ['digest', root, name]:
            point = Point(Vault(root), *name.split('/', 1)).opened()
            need(point.body['digest'] and all(True for _ in point.lines()), point.where, 'its content is not lines: it has no digest')
            print(json.dumps(point.body['digest']))
        case ['digest', root, name, '--at', at_ms]:
            print(json.dumps(table_at(Point(Vault(root), *name.split('/', 1)).opened(), int(at_ms))))
        case _:
            return print(__doc__, file=sys.stderr) or 2
    return min(1, refused)

if __name__ == '__main__':
    try:
        sys.exit(main(sys.argv[1:]))
    except (Refused, OSError, KeyError, TypeError, AttributeError, ValueError, struct.error) as error:
        sys.exit(f'{error}' if isinstance(error, (Refused, OSError)) else f'A field is missing or of another kind than the page says: {error!r}')

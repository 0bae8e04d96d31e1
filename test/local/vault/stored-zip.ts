// Why: a function's code as the Lambda API takes it, without a package for it: a zip of one file, stored.
import { crc32 } from 'node:zlib';

export function storedZip(name: string, text: string): Uint8Array {
  const fileName = Buffer.from(name);
  const data = Buffer.from(text);
  const common = Buffer.alloc(26);
  common.writeUInt16LE(20, 0); // version needed
  common.writeUInt32LE(crc32(data), 10);
  common.writeUInt32LE(data.length, 14);
  common.writeUInt32LE(data.length, 18);
  common.writeUInt16LE(fileName.length, 22);
  const local = Buffer.concat([Buffer.from('PK\x03\x04'), common, fileName, data]);
  const placed = Buffer.alloc(14);
  placed.writeUInt32LE(0o644 << 16, 6); // permissions; the last 4 bytes are the offset, 0
  const central = Buffer.concat([Buffer.from('PK\x01\x02\x14\x03'), common, placed, fileName]);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(1, 4);
  end.writeUInt16LE(1, 6);
  end.writeUInt32LE(central.length, 8);
  end.writeUInt32LE(local.length, 12);
  return Buffer.concat([local, central, Buffer.from('PK\x05\x06'), end]);
}

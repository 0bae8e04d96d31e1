// Records as a DynamoDB export has them, one JSON a line. What in them is chance (ids, hashes, amounts) and what is not sets how far they compress: as measured by the bench.
import { Seeded } from './seeded.ts';

const words =
  `about above account across address after again agreed almost already amount another answer around asked before began behind blue box brought build call care carrier case changed city clear close cold
collect come confirm cost country cross customer damage date day delivered door driver early east either empty enough evening exchange express fee fine first floor follow found fragile friday front full garage gate gave
gift given gone good green ground half hand heavy held help high home hour house items join keep kept key kitchen large last late leave left letter light list little local long lost made main many middle monday morning
moved name near neighbour never new next nobody north note number office often once only open order other outside packed paid paper part party pay phone place please point price promised put quarter question quick rather
ready receipt refund reply rest returned right ring road round safe same saturday second sent serial shop short side signed small south spare stairs store street sunday table taken then third thursday today together told
tomorrow tuesday under until urgent very voucher wait wanted warehouse wednesday week west when white window without wrapped wrong year yesterday yet`.split(/\s+/);
const statuses = ['PLACED', 'PAID', 'PACKED', 'SHIPPED', 'DELIVERED', 'RETURNED'] as const;
const countries = ['DE', 'FR', 'US', 'GB', 'IN', 'JP', 'BR', 'NL', 'SE', 'PL'] as const;
const baseMs = Date.UTC(2026, 0, 1);

/** Of one order. `grown`: later somebody has written a note to it. */
export function recordLine(chance: Seeded, index: number, isGrown: boolean): string {
  const atMs = baseMs + index * 731 + chance.below(700);
  const lines = Array.from({ length: 1 + chance.below(4) }, () => orderLine(chance)).join(',');
  const text = sentence(chance, 6 + chance.below(10));
  const customer = chance
    .below(2 ** 24)
    .toString(16)
    .padStart(6, '0');
  const body =
    `{"Item":{"pk":{"S":"ORDER#${chance.bytes(8).toString('hex')}"},"sk":{"S":"${new Date(atMs).toISOString()}"},"customer":{"S":"CUSTOMER#${customer}"},` +
    `"status":{"S":"${chance.pick(statuses)}"},"currency":{"S":"EUR"},"totalCents":{"N":"${chance.below(50_000)}"},"isGift":{"BOOL":${chance.below(9) === 0}},` +
    `"country":{"S":"${chance.pick(countries)}"},"lines":{"L":[${lines}]},"session":{"S":"${chance.bytes(16).toString('hex')}"},"etag":{"S":"${chance.bytes(16).toString('hex')}"},"signature":{"B":"${chance.bytes(80).toString('base64')}"},"contact":{"B":"${chance.bytes(60).toString('base64')}"},"comment":{"S":"${text}"},"holdfastEpoch":{"N":"1"},"holdfastOrigin":{"S":"us-east-1"},"updatedAtMs":{"N":"${atMs + chance.below(100_000)}"}`;
  // Chance of the note is drawn in any case: the records after it stay what they were.
  const note = sentence(chance, 12);
  return `${body}${isGrown ? `,"note":{"S":"${note}"}` : ''}}}\n`;
}

function orderLine(chance: Seeded): string {
  return `{"M":{"sku":{"S":"SKU-${chance.below(40_000).toString().padStart(6, '0')}"},"quantity":{"N":"${1 + chance.below(5)}"},"priceCents":{"N":"${chance.below(20_000)}"}}}`;
}

export function sentence(chance: Seeded, count: number): string {
  let text = '';
  for (let i = 0; i < count; i += 1) text += (i === 0 ? '' : ' ') + chance.pick(words);
  return text;
}

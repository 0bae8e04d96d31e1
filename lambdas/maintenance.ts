// What clients get while no region is active: the secondary DNS record leads here.
const retryAfterSeconds = 15;

export async function handler(): Promise<{ readonly statusCode: number; readonly headers: Readonly<Record<string, string>>; readonly body: string }> {
  return {
    statusCode: 503,
    headers: { 'retry-after': String(retryAfterSeconds), 'content-type': 'application/json', 'cache-control': 'no-store' },
    body: '{"error":"no region is active at the moment; try again"}',
  };
}

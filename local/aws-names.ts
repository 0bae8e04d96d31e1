// Which region a host name of AWS belongs to, and how it is reached locally: AWS's own names resolve to the region's loopback address here.

const AWS_NAME = /^[a-z0-9-]+\.(?:execute-api|lambda-url)\.(?<region>[a-z0-9-]+)\.(?:amazonaws\.com|on\.aws)$/;

/** `d-xyz.execute-api.us-east-1.amazonaws.com` → `us-east-1`; null for a name that is no function URL and no API of AWS. */
export function regionOfAwsName(host: string): string | null {
  return AWS_NAME.exec(host.toLowerCase())?.groups?.['region'] ?? null;
}

/** `https://abc.lambda-url.us-east-1.on.aws/gate/x` at `http://127.0.0.11:20000` → a URL that needs neither DNS, TLS nor a Host header. */
export function localFunctionUrl(url: string, endpoint: string): string {
  const { hostname, pathname } = new URL(url);
  const [id = ''] = hostname.split('.');
  return `${endpoint}/_aws/lambda-url/${id}${pathname}`;
}

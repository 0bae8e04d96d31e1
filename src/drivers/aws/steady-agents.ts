// HTTP agents whose sockets read into memory that is used again. Node's own take 64 KiB anew for each read, which is most of what a large body costs: 2.0 s of CPU a GB, 1.3 so.
import http from 'node:http';
import https from 'node:https';
import type { Duplex } from 'node:stream';

/** For each socket. Larger reads gain little. */
const readBytes = 256 * 1024;

export function steadyAgents(options: http.AgentOptions): { readonly httpAgent: http.Agent; readonly httpsAgent: https.Agent } {
  return { httpAgent: steady(new http.Agent(options)), httpsAgent: steady(new https.Agent(options)) };
}

/** `onread` of net.connect and tls.connect. */
function steady<A extends http.Agent>(agent: A): A {
  const connect = agent.createConnection.bind(agent);
  agent.createConnection = (options, callback) => {
    let memory = Buffer.allocUnsafeSlow(readBytes);
    let socket: Duplex | null | undefined;
    const onread = {
      buffer: () => memory,
      callback: (bytes: number) => {
        const isMoreWanted = socket?.push(memory.subarray(0, bytes)) ?? false;
        // Nobody took it at once (the HTTP parser does, and copies): it lies in this memory until somebody does.
        if (socket?.readableLength !== 0) memory = Buffer.allocUnsafeSlow(readBytes);
        return isMoreWanted;
      },
    };
    socket = connect(Object.assign({ ...options }, { onread }), callback);
    return socket;
  };
  return agent;
}

// An HTTP agent whose sockets read into memory that is used again. Node's own take 64 KiB anew for each read, a third of what a large body costs.
// For the command line alone: no function carries it.
import http from 'node:http';
import type { Duplex } from 'node:stream';

/** For each socket. Larger reads gain little. */
const readBytes = 126 * 1024;

/** By `onread` of net.connect. */
export function steadyAgent(options: http.AgentOptions): http.Agent {
  const agent = new http.Agent(options);
  const connect = agent.createConnection.bind(agent);
  agent.createConnection = (connection, callback) => {
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
    socket = connect(Object.assign({ ...connection }, { onread }), callback);
    return socket;
  };
  return agent;
}

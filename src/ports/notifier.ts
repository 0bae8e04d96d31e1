// The port to people. Failing to tell them never blocks what is being done.
export type Notice = { readonly severity: 'info' | 'warning' | 'critical'; readonly subject: string; readonly text: string };

export interface Notifier {
  notify(notice: Notice): Promise<void>;
}

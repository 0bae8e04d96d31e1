// The thread that lists trees for a backup (listing.ts).
import { sender, type ListSetup, type SentBatch } from './listing.ts';

export function begin(setup: ListSetup): () => SentBatch {
  return sender(setup);
}

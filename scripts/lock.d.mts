export const POLL_INTERVAL_MS: number;
export function lock(file: string, work: string): () => boolean;
export function unlock(file: string): void;

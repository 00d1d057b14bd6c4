// What the page and the server say to each other besides the chat, in binary messages: the page one word, the
// server JSON. Pure; the server's side is ../page-line/page-message.ts.

/**
 * @typedef {import('./catch-up.js').Said} Said
 * @typedef {{ name: string, reads: boolean, writes: boolean, events: boolean }} DrawnHandler
 * @typedef {{ title: string, handlers: DrawnHandler[] }} DrawnLane
 * @typedef {'took' | 'made' | 'wrote' | 'held' | 'fired'} Deed
 * @typedef {{ lane: number, handler: number, deed: Deed, kind: string, what: string }} Step
 * @typedef {{ members: number, deliveries: number, backlog: number, slowClosed: number }} RoomFigures
 * @typedef {{
 *   kind: 'vitals', bytesIn: number, bytesOut: number, ownBytes: number, waitingBytes: number,
 *   maxWaitingBytes: number, isWritable: boolean, readHolds: string[], idleLimitMs: number, room: RoomFigures,
 * }} Vitals
 * @typedef {{ kind: 'history', epoch: string, total: number, messages: Said[] }
 *   | { kind: 'ways', ways: Record<string, import('./members.js').Way> }
 *   | { kind: 'pipeline', lanes: DrawnLane[] }
 *   | { kind: 'steps', steps: Step[], skipped: number }
 *   | Vitals} PageNews
 */

const KINDS = new Set(['history', 'ways', 'pipeline', 'steps', 'vitals']);

/** @param {string} word */
export function askBytes(word) {
  return new TextEncoder().encode(word);
}

/**
 * Null for what this page does not know: an older page may meet a newer server.
 *
 * @param {unknown} data
 * @returns {PageNews | null}
 */
export function parseNews(data) {
  if (!(data instanceof ArrayBuffer)) return null;
  try {
    const news = JSON.parse(new TextDecoder().decode(data));
    return KINDS.has(news?.kind) ? news : null;
  } catch {
    return null;
  }
}

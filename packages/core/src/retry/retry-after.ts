/** A server that asks for hours may be back, or be replaced, long before. */
const MAX_MS = 600_000;

/**
 * Reads the header `Retry-After` of a refusal, a number of seconds (RFC 9110, section 10.2.3). A `ReconnectingClient` leaves the
 * place in peace for this time after an error with this detail, 10 minutes at most. A date is ignored, because the clocks of two machines differ.
 */
export function retryAfter(header: string | null | undefined): { readonly retryAfterMs?: number } {
  const ms = /^\d{1,9}$/.test(header ?? '') ? Number(header) * 1000 : 0;
  return ms > 0 ? { retryAfterMs: Math.min(ms, MAX_MS) } : {};
}

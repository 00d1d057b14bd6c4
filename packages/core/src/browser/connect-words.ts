/** A page gets no codes of the system. */
export const CONNECT_WORDS: Readonly<Record<string, string>> = {};

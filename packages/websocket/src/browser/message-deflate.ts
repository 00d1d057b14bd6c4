// A page's browser compresses the messages of its WebSockets; those over HTTP requests are not compressed.
export const INFLATED_TOO_LONG = '';
export const TAIL = undefined;
export const WindowDeflate = undefined;

// The browser compresses the messages of a page's WebSockets. Messages over HTTP requests are not
// compressed.
export const INFLATED_TOO_LONG = '';
export const WindowDeflate = undefined;

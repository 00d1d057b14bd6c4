/** Where the server listens. */
export const SERVER_PORT = 18_895;
/** Where browsers find the page. */
export const PAGE_PORT = 18_897;
/** The password of the room, for both ends. */
export const PASSWORD = process.env['ROOM_PASSWORD'] ?? 'open sesame';
/** Where the cutter listens, which stands between the server and those who talk. */
export const CUTTER_PORT = 18_896;

/** Where the server listens. */
export const SERVER_PORT = 18_895;
/** Where the cutter listens, which stands between the server and those who talk. */
export const CUTTER_PORT = 18_896;

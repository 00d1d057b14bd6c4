/** What would keep a program of Node running: timers, listening servers, open sockets. */
export const active = new Set<object>();

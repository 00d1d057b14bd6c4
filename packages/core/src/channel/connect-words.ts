/** What a code of the system means for who connects. */
export const CONNECT_WORDS: Readonly<Record<string, string>> = {
  ENOTFOUND: 'the host name is unknown',
  EAI_AGAIN: 'the host name could not be looked up now',
  ENOENT: 'there is no such socket file',
  EACCES: 'this user may not use it',
  EADDRNOTAVAIL: 'this machine has no such localAddress',
  ENETUNREACH: 'there is no route to it',
  EHOSTUNREACH: 'there is no route to it',
};

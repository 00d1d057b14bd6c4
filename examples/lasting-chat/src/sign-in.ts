// The first line of a lasting channel; it is asked for once, however often the connection is cut.

/** The message of the client. */
export const signIn = (name: string, password: string): string => `I am ${name}: ${password}`;

/** The sign-in that the server received, if it is one. */
export function readSignIn(line: string): { name: string; password: string } | undefined {
  const [, name, password] = /^I am (\w{1,32}): (.+)$/.exec(line) ?? [];
  return name === undefined || password === undefined ? undefined : { name, password };
}

/** The answer, or the other one. */
export const welcome = (name: string): string => `welcome, ${name}`;
export const refusal = (why: string): string => `not let in: ${why}`;

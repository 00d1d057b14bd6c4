// cluster-chat as a process, as `npm run cluster-chat` starts it, or bundled.
import { ChatProcess } from 'headrace-example-chat-showcase/testing';

const started: ChatProcess[] = [];

export function startNodes(
  env: Readonly<Record<string, string>> = {},
  main: ConstructorParameters<typeof ChatProcess>[0] = 'examples/cluster-chat/src/main.ts',
): ChatProcess {
  const program = new ChatProcess(main, [], { ROUTE_PORT: '0', ...env });
  started.push(program);
  return program;
}

/** Ends what a test that failed has left. */
export function endNodes(): void {
  for (const program of started.splice(0)) program.kill('SIGKILL');
}

/** What the route answers: where to go, for each node. */
export async function routeOf(
  program: ChatProcess,
): Promise<{ status: number; nodes: { host: string; port: number; connections: number }[] }> {
  const [, url] = await program.says(/^route (http:\/\/\S+\/route)$/m);
  const response = await fetch(`${url}?count=3`);
  return { status: response.status, ...((await response.json()) as { nodes: [] }) };
}

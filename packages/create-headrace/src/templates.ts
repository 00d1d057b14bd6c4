// The templates, the default template first. Each template is a folder of real files in ../templates.

/** A project that the user can start with. */
export interface Template {
  readonly name: string;
  /** The description, one line for the list. */
  readonly description: string;
  /** The script of package.json that the user runs first. */
  readonly firstScript: 'start' | 'test';
}

export const TEMPLATES: readonly Template[] = [
  {
    name: 'line-server',
    description: 'lines over TCP: idle time, limits, orderly shutdown',
    firstScript: 'start',
  },
  {
    name: 'json-auth-heartbeat',
    description: 'JSON in length-prefixed frames: sign-in and heartbeat, server and client',
    firstScript: 'start',
  },
  {
    name: 'websocket-and-tcp',
    description: 'WebSocket, a page and plain TCP on one port',
    firstScript: 'start',
  },
  {
    name: 'page-and-server',
    description:
      'a page by Vite that comes back, and its server, with messages that are typed once',
    firstScript: 'start',
  },
  {
    name: 'socket-io',
    description:
      'a server for clients of Socket.IO with rooms, recovery and typed events, and a page with one',
    firstScript: 'start',
  },
  {
    name: 'typed-service',
    description: 'calls and streams with types, defined once; old clients are checked in CI',
    firstScript: 'start',
  },
  {
    name: 'device-gateway',
    description: 'devices sign in, send telemetry and get commands, by JSON-RPC or MQTT',
    firstScript: 'start',
  },
  {
    name: 'reconnecting-client',
    description: 'a client that comes back after a loss, and a server to try it on',
    firstScript: 'start',
  },
  {
    name: 'handler-package',
    description: 'a handler of your own, ready for npm',
    firstScript: 'test',
  },
];

/** The template if the user gives none and cannot be asked. */
export const DEFAULT_TEMPLATE: Template = TEMPLATES[0]!;

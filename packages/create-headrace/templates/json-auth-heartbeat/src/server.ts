// A room: everybody who has signed in hears what the others say.
import {
  AuthHandler,
  ChannelGroup,
  ConnectionLimitHandler,
  GuessLimiter,
  HeartbeatHandler,
  JsonDecoder,
  JsonEncoder,
  lengthPrefixed,
  MetricsHandler,
  matchTag,
  pipeline,
  principalOf,
  type Server,
  ServerBootstrap,
  type ServerMetrics,
  secretsEqual,
} from 'headrace';
import {
  type FromClient,
  type FromServer,
  fromClient,
  MAX_FRAME_LENGTH,
  serverHeartbeat,
} from './messages.ts';

export interface RoomOptions {
  /** What all users sign in with. */
  readonly token: string;
  /** A client that sends nothing at all for this time is closed, in milliseconds. */
  readonly silenceMs: number;
  /** Counts the connections and their bytes. */
  readonly metrics: ServerMetrics;
}

const refused = (why: string): FromServer => ({ type: 'refused', why });

/** One room; its pipeline is for all its connections. */
export function roomPipeline({ token, silenceMs, metrics }: RoomOptions) {
  const members = new ChannelGroup('members'); // a member that reads too slowly is closed, not waited for
  const guesses = new GuessLimiter(); // after 50 wrong tokens an address may try 1200 an hour
  const authenticate = guesses.protect((message: FromClient) =>
    message.type === 'login' && message.user !== '' && secretsEqual(message.token, token)
      ? { principal: message.user }
      : { refused: 'wrong user or token' },
  );
  return pipeline().add(
    () => new MetricsHandler({ metrics }),
    ...lengthPrefixed({ maxFrameLength: MAX_FRAME_LENGTH }),
    new JsonDecoder({ schema: fromClient }),
    () => new JsonEncoder<FromServer>(),
    () => new HeartbeatHandler<FromClient, FromServer>({ format: serverHeartbeat, silenceMs }),
    () =>
      new AuthHandler({
        isCredentials: ({ type }: FromClient) => type === 'login',
        authenticate,
        timeoutMs: 10_000,
        group: members,
        replies: {
          accepted: (user): FromServer => ({ type: 'welcome', user }),
          refused,
          unauthenticated: () => refused('sign in first'),
          timedOut: () => refused('no sign-in in time'),
        },
      }),
    // Only who has signed in gets here.
    () =>
      matchTag<FromClient>()('type', {
        say: (ctx, { text }) => {
          const user = principalOf<string>(ctx.channel)!;
          members.writeAndFlush({ type: 'said', user, text } satisfies FromServer);
        },
        login: (ctx) => void ctx.writeAndFlush(refused('signed in already')),
      }),
  );
}

export function startRoom(host: string, port: number, options: RoomOptions): Promise<Server> {
  return new ServerBootstrap()
    .handler((listener) => listener.pipeline.addLast(new ConnectionLimitHandler()))
    .childHandler(roomPipeline(options))
    .bind({ host, port });
}

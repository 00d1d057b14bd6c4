import { type Context, type Handler, HeadraceError, type Types } from '@headrace/core';
import { type RespCodec, RespError, type RespInput, type RespValue } from '@headrace/resp';
import { COMMANDS, checkArity, unknownCommand } from './command/commands.ts';
import { outOfMemory } from './memory.ts';
import { Session, type Shared } from './session.ts';

/** In version 2 a client that listens can do little else: its replies would look like messages. */
const WHILE_LISTENING = ['subscribe', 'unsubscribe', 'ping', 'quit', 'reset'];

/** Options of {@link CommandHandler}. */
export interface CommandHandlerOptions extends Shared {
  /** Its version is what HELLO sets. */
  readonly codec: RespCodec;
}

/** Runs the commands of one client in order. The answers to all that one read brought go out with one flush. */
export class CommandHandler implements Handler {
  declare readonly types: Types<{ reads: RespValue; passesOn: never; writes: RespInput }>;
  private readonly options: CommandHandlerOptions;
  private session!: Session;

  constructor(options: CommandHandlerOptions) {
    this.options = options;
  }

  handlerAdded(ctx: Context): void {
    this.session = new Session(ctx.channel, this.options.codec, this.options);
  }

  channelRead(ctx: Context<CommandHandler['types']>, message: RespValue): void {
    if (this.session.isOver || (Array.isArray(message) && message.length === 0)) return;
    if (!isCommand(message)) {
      ctx.write(new RespError("ERR Protocol error: expected '$'"));
      this.session.isOver = true;
      ctx.channel.end({ reason: 'bad-input' });
      return;
    }
    const reply = this.run(message);
    if (reply !== undefined) ctx.write(reply);
    if (this.session.isOver) ctx.channel.end();
  }

  channelReadComplete(ctx: Context): void {
    ctx.flush();
  }

  exceptionCaught(ctx: Context, error: Error): void {
    const redis = error instanceof HeadraceError ? error.details['redis'] : undefined;
    if (redis === undefined) ctx.fireExceptionCaught(error);
    else ctx.writeAndFlush(new RespError(`ERR Protocol error: ${redis}`));
  }

  private run(message: readonly [Buffer, ...Buffer[]]): RespInput | undefined {
    const [first, ...args] = message;
    const name = first.toString('latin1').toLowerCase();
    const command = COMMANDS.get(name);
    if (command === undefined) return unknownCommand(first, args);
    const wrong = checkArity(name, command, args.length);
    if (wrong !== undefined) return wrong;
    const { names, codec } = this.session;
    if (names.size > 0 && codec.protocol === 2 && !WHILE_LISTENING.includes(name)) {
      return new RespError(
        `ERR Can't execute '${name}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context`,
      );
    }
    if (command.keeps === true && this.session.memory.isFull) return outOfMemory();
    return command.run(this.session, args);
  }
}

function isCommand(message: RespValue): message is readonly [Buffer, ...Buffer[]] {
  return Array.isArray(message) && message.every((word) => Buffer.isBuffer(word));
}

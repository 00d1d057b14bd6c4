// Your protocol: one line in, lines out. Begin here.
import { type Context, DrainEvent, type Handler, type Types } from 'headrace';

/** Answers each line. One instance serves one connection, so fields are the state of that connection. */
export class LineHandler implements Handler {
  // What it reads and writes: the compiler checks it against its neighbors in the pipeline.
  declare readonly types: Types<{ reads: string; passesOn: never; writes: string }>;
  private count = 0;

  channelRead(ctx: Context<LineHandler['types']>, line: string): void {
    this.count += 1;
    switch (line.trim().toLowerCase()) {
      case 'help':
        ctx.write('commands: count, quit; anything else comes back in capitals');
        return;
      case 'count':
        ctx.write(`${this.count} lines`);
        return;
      case 'quit':
        ctx.write('bye');
        ctx.channel.end(); // after what was written
        return;
      default:
        ctx.write(line.toUpperCase());
    }
  }

  /** All lines of one read are answered: send the answers together. */
  channelReadComplete(ctx: Context<LineHandler['types']>): void {
    ctx.flush();
  }

  /** The server shuts down: one last line. */
  userEventTriggered(ctx: Context<LineHandler['types']>, event: unknown): void {
    if (event instanceof DrainEvent) event.lastWord(() => ctx.writeAndFlush('bye: shutting down'));
    ctx.fireUserEventTriggered(event);
  }
}

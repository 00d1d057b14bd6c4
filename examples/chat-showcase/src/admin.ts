import { ServerMetrics } from '@headrace/handlers';
import { type HealthServer, serveHealth } from '@headrace/handlers/health';
import type { ChatServer } from './chat-server.ts';
import type { Settings } from './settings.ts';

const EVENT_LOOP_RESOLUTION_MS = 10;

/** `/healthz`, `/readyz` and `/metrics` on a port of their own, which clients do not reach. */
export class ChatAdmin {
  readonly metrics = new ServerMetrics({ eventLoopResolutionMs: EVENT_LOOP_RESOLUTION_MS });
  private chat: ChatServer | undefined = undefined;
  private health: HealthServer | undefined = undefined;

  /** Answers at once, and is not ready before {@link opened}; nothing when the settings have no `adminPort`. */
  static async start({ adminPort, adminHost }: Settings): Promise<ChatAdmin | undefined> {
    if (adminPort === undefined) return undefined;
    const admin = new ChatAdmin();
    admin.health = await serveHealth({
      port: adminPort,
      host: adminHost,
      ready: { listening: () => admin.chat?.server.channel.isOpen === true },
      metrics: admin.metrics,
    }).catch((error: Error) => {
      admin.metrics.dispose();
      throw new Error(`the admin port is not available: ${error.message}`, { cause: error });
    });
    return admin;
  }

  get port(): number {
    return this.health?.port ?? 0;
  }

  /** The chat listens. */
  opened(chat: ChatServer): void {
    this.chat = chat;
  }

  /** Not ready from now on, but live. */
  drain(): void {
    this.health?.drain();
  }

  async close(): Promise<void> {
    this.metrics.dispose();
    await this.health?.close();
  }
}

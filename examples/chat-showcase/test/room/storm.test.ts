// Many members join at once: their joins are announced in batches, and no echo waits for that.
import { DrainEvent, silentLogger } from '@headrace/core';
import { EmbeddedChannel, VirtualClock } from '@headrace/core/testing';
import { PRINCIPAL } from '@headrace/handlers';
import { ChatEchoHandler } from 'headrace-example-broadcast-chat';
import { describe, expect, it } from 'vitest';
import { addFrames, addLines, addWebSocketTexts } from '../../src/connection/framings.ts';
import { RoomBroadcastHandler, RoomLastWordsHandler } from '../../src/connection/room-handlers.ts';
import { Announcement } from '../../src/room/announcement.ts';
import { LocalGround } from '../../src/room/local-ground.ts';
import { PeerLog } from '../../src/room/peer-log.ts';
import { Room } from '../../src/room/room.ts';
import { settingsSchema } from '../../src/settings/settings.ts';

const MEMBERS = 200;

class Storm {
  readonly clock = new VirtualClock();
  readonly room = new Room(new LocalGround(settingsSchema.parse({})));
  readonly members: EmbeddedChannel[] = [];

  come(count: number): void {
    for (let i = 0; i < count; i++) {
      const channel = EmbeddedChannel.with(
        { clock: this.clock },
        new RoomLastWordsHandler(new PeerLog(silentLogger)),
        new ChatEchoHandler(),
        new RoomBroadcastHandler(this.room),
      );
      channel.attributes.set(PRINCIPAL, { id: `member-${this.members.length}` });
      this.members.push(channel);
      this.room.members.add(channel);
    }
  }

  /** The texts for a member since the last call, and the number of writes. */
  written(index: number): { readonly texts: string[]; readonly writes: number } {
    const texts: string[] = [];
    let writes = 0;
    for (;;) {
      const message = this.members[index]!.readOutbound<string | Announcement>();
      if (message === undefined) return { texts, writes };
      writes += 1;
      texts.push(...(message instanceof Announcement ? message.texts : [message]));
    }
  }
}

const joins = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, i) => `JOIN:member-${from + i}`);

describe('a room into which many come at once', () => {
  it('announces later members to each member, in a few writes', () => {
    const storm = new Storm();
    storm.come(MEMBERS);
    storm.clock.advance(100);
    for (const index of [0, 1, 100, MEMBERS - 2, MEMBERS - 1]) {
      const { texts, writes } = storm.written(index);
      expect(texts).toEqual(joins(index + 1, MEMBERS));
      // Those that came before it was a storm, each by itself, and one batch.
      expect(writes).toBeLessThan(50);
    }
  });

  it('announces a few members at once', () => {
    const storm = new Storm();
    storm.come(10);
    expect(storm.written(0)).toEqual({ texts: joins(1, 10), writes: 9 });
  });

  it('echoes at once, and has a member announced before its first message', () => {
    const storm = new Storm();
    storm.come(MEMBERS);
    const last = MEMBERS - 1;
    storm.members[last]!.writeInbound('hello');
    expect(storm.written(last).texts).toEqual(['ECHO:hello']);
    expect(storm.written(0).texts).toEqual([...joins(1, MEMBERS), `MSG:member-${last}:hello`]);
  });

  it('sends BYE at once when the room closes, and no further announcements', () => {
    const storm = new Storm();
    storm.come(MEMBERS);
    storm.room.close();
    const { clock, members } = storm;
    clock.run(() => {
      for (const { pipeline } of members) pipeline.fireUserEventTriggered(new DrainEvent(8000));
    });
    members.forEach((member, index) => {
      expect(member.isEnding).toBe(true);
      const { texts } = storm.written(index);
      expect(texts.at(-1)).toBe('BYE');
      expect(texts.length).toBeLessThan(50);
    });
    clock.advance(8000);
  });
});

describe('texts that go out together', () => {
  const texts = ['JOIN:ann', 'LEAVE:bob', 'JOIN:Zoë \u{1F44B}', 'JOIN:a\u2028b'];
  it.each([
    ['lines', addLines],
    ['frames', addFrames],
    ['WebSocket', addWebSocketTexts],
  ] as const)('are the same %s as one by one', (_framing, add) => {
    const written = (messages: readonly (string | Announcement)[]): unknown[] => {
      const channel = new EmbeddedChannel();
      add(channel as never);
      for (const message of messages) channel.writeOutbound(message);
      return channel.finish().outbound;
    };
    const bytesOf = (parts: readonly unknown[]): string =>
      Buffer.concat(
        parts.map((part) => (part as { bytes?: Buffer }).bytes ?? (part as Buffer)),
      ).toString();
    const [together, alone] = [written([new Announcement(texts)]), written(texts)];
    expect(bytesOf(together)).toBe(bytesOf(alone));
    expect(together).toHaveLength(add === addWebSocketTexts ? texts.length : 1);
  });
});

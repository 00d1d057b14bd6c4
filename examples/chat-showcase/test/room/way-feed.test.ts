import { EmbeddedChannel, VirtualClock } from '@headrace/core/testing';
import { PRINCIPAL } from '@headrace/handlers';
import { describe, expect, it } from 'vitest';
import { LocalGround } from '../../src/room/local-ground.ts';
import { Room } from '../../src/room/room.ts';
import { WAY, type Way } from '../../src/room/way.ts';
import { WayFeed, type Ways } from '../../src/room/way-feed.ts';
import { settingsSchema } from '../../src/settings/settings.ts';

describe('WayFeed', () => {
  const clock = new VirtualClock();
  const room = new Room(new LocalGround(settingsSchema.parse({})));
  const feed = new WayFeed(room);
  const heard: Ways[] = [];

  function join(id: string, way: Way): void {
    const channel = EmbeddedChannel.with({ clock });
    channel.attributes.set(PRINCIPAL, { id });
    channel.attributes.set(WAY, way);
    room.members.add(channel);
  }

  it('gives a listener the transports of all members, and then those of new ones together', () => {
    join('ann', 'page');
    join('__proto__', 'lines');
    const end = feed.subscribe((ways) => heard.push(ways));
    expect(heard.map((ways) => Object.entries(ways))).toEqual([
      [
        ['ann', 'page'],
        ['__proto__', 'lines'],
      ],
    ]);
    join('cy', 'frames');
    join('dee', 'lines');
    expect(heard).toHaveLength(1);
    clock.advance(100);
    expect(Object.entries(heard[1]!)).toEqual([
      ['cy', 'frames'],
      ['dee', 'lines'],
    ]);
    end();
    join('eve', 'lines');
    clock.advance(100);
    expect(heard).toHaveLength(2);
  });
});

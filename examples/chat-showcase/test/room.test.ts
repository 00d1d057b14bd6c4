import { EmbeddedChannel } from '@headrace/core/testing';
import { PRINCIPAL } from '@headrace/handlers';
import { describe, expect, it } from 'vitest';
import { LocalGround, Room } from '../src/room.ts';

function member(id: string): EmbeddedChannel {
  const channel = new EmbeddedChannel();
  channel.attributes.set(PRINCIPAL, { id });
  return channel;
}

describe('Room', () => {
  const [ann, bob, cy] = [member('ann'), member('bob'), member('cy')];
  const room = new Room(new LocalGround(1024));

  it('announces joins and leaves to the others', () => {
    for (const channel of [ann, bob, cy]) room.members.add(channel);
    expect([ann.readOutbound(), ann.readOutbound()]).toEqual(['JOIN:bob', 'JOIN:cy']);
    expect(bob.readOutbound()).toBe('JOIN:cy');
    cy.close();
    expect([ann.readOutbound(), bob.readOutbound()]).toEqual(['LEAVE:cy', 'LEAVE:cy']);
  });

  it('announces a member that moves to another node in the same way, whichever node reports first', () => {
    room.joined('dee', undefined);
    expect([ann.readOutbound(), bob.readOutbound()]).toEqual(['JOIN:dee', 'JOIN:dee']);
    for (const happens of ['joined left', 'left joined']) {
      for (const what of happens.split(' ') as ('joined' | 'left')[]) room[what]('dee', undefined);
      expect([ann.readOutbound(), ann.readOutbound()]).toEqual(['LEAVE:dee', 'JOIN:dee']);
      expect([bob.readOutbound(), bob.readOutbound()]).toEqual(['LEAVE:dee', 'JOIN:dee']);
    }
    expect(room.people()).toEqual(['ann', 'bob', 'dee']);
    room.left('dee', undefined);
    expect([ann.readOutbound(), bob.readOutbound()]).toEqual(['LEAVE:dee', 'LEAVE:dee']);
    room.left('nobody', undefined);
    expect(ann.readOutbound()).toBeUndefined();
  });

  it('does not announce leaves to members that leave at the same time', () => {
    room.close();
    bob.close();
    expect(ann.readOutbound()).toBeUndefined();
  });
});

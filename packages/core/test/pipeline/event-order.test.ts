import { type Handler, type HandlerEvents, type PipelineError, pipeline } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';

class Ring {}

class Bell implements Handler {
  get userEvents(): HandlerEvents {
    return { fires: ['Ring'] };
  }
}

class Porter implements Handler {
  rings = 0;

  get userEvents(): HandlerEvents {
    return { answers: ['Ring'] };
  }

  userEventTriggered(): void {
    this.rings += 1;
  }
}

const MISORDER =
  'Porter answers the Ring, which only handlers before it can fire, but Bell after it fires it: put Bell before Porter';

function refused(change: () => unknown): Partial<PipelineError> {
  try {
    change();
  } catch (error) {
    return error as PipelineError;
  }
  throw new Error('not refused');
}

describe('the order of handlers that answer events', () => {
  it('takes a handler that answers an event after the one that fires it', () => {
    const channel = new EmbeddedChannel();
    channel.pipeline.addLast(new Bell(), new Porter());
    expect(channel.pipeline.names()).toEqual(['Bell#0', 'Porter#0']);
  });

  it('refuses the other order, and names both handlers and the cure', () => {
    const channel = new EmbeddedChannel();
    const error = refused(() => channel.pipeline.addLast(new Porter() as Handler, new Bell()));
    expect(error.code).toBe('HR_ERR_PIPELINE_ORDER');
    expect(error.message).toBe(MISORDER);
    expect(error.details).toEqual({ handler: 'Porter', firedBy: 'Bell', event: 'Ring' });
  });

  it('leaves the pipeline and the refused handler as they were', () => {
    const channel = new EmbeddedChannel();
    const bell = new Bell();
    channel.pipeline.addLast(new Porter());
    refused(() => channel.pipeline.addLast(bell));
    expect(channel.pipeline.names()).toEqual(['Porter#0']);
    channel.pipeline.addFirst(bell);
    expect(channel.pipeline.names()).toEqual(['Bell#0', 'Porter#0']);
  });

  it('refuses it wherever a handler is added', () => {
    const { pipeline } = new EmbeddedChannel();
    pipeline.addLast('bell', new Bell());
    const add: (() => unknown)[] = [
      () => pipeline.addFirst(new Porter()),
      () => pipeline.addBefore('bell', new Porter()),
    ];
    for (const change of add) expect(refused(change).message).toBe(MISORDER);
    pipeline.addFirst('other', {});
    expect(refused(() => pipeline.replace('other', new Porter())).message).toBe(MISORDER);
    pipeline.addAfter('bell', new Porter());
    expect(pipeline.names()).toEqual(['other', 'bell', 'Porter#0']);
  });

  it('knows nothing about an event that no handler of the pipeline fires: it may come from outside', () => {
    const porter = new Porter();
    const channel = new EmbeddedChannel(porter);
    channel.pipeline.fireUserEventTriggered(new Ring());
    expect(porter.rings).toBe(1);
  });

  it('takes further handlers that fire the event after one that does', () => {
    const { pipeline } = new EmbeddedChannel();
    pipeline.addLast('first', new Bell()).addLast('porter', new Porter()).addLast(new Bell());
    pipeline.addFirst(new Bell());
    expect(pipeline.names()).toEqual(['Bell#1', 'first', 'porter', 'Bell#0']);
  });

  it('lets the handler that fires go, and refuses one that comes in the wrong place after that', () => {
    const { pipeline } = new EmbeddedChannel();
    pipeline.addLast('bell', new Bell()).addLast('porter', new Porter());
    pipeline.remove('bell');
    expect(refused(() => pipeline.addLast(new Bell())).message).toBe(MISORDER);
    pipeline.addFirst('bell', new Bell());
    pipeline.replace('bell', new Bell(), 'bell');
    expect(pipeline.names()).toEqual(['bell', 'porter']);
  });

  it('closes a channel whose template makes the wrong order', () => {
    const template = pipeline().add(
      (): Handler => new Porter(),
      () => new Bell(),
    );
    const channel = new EmbeddedChannel();
    expect(refused(() => template.initialize(channel)).message).toBe(MISORDER);
  });
});

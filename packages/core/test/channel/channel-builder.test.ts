import { type Handler, initializer, type PipelineTemplate, pipeline } from '@headrace/core';
import { builder, describeOptions } from '@headrace/core/authoring';
import { EmbeddedChannel } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import { builderOf } from '../../src/channel/channel-builder.ts';

class Greeter implements Handler {}

it('a function that returns a pipeline() and adds nothing is refused with the cure', () => {
  const build = builderOf('.handler', () => pipeline());
  expect(() => build(new EmbeddedChannel())).toThrow('pass the pipeline() itself');
  expect(() => builderOf('.handler', pipeline())(new EmbeddedChannel())).not.toThrow();
});

describe('what is neither a function nor a template', () => {
  it.each([
    ['a class', Greeter, 'the class Greeter', 'new Greeter(…)'],
    ['an instance', new Greeter(), 'Greeter', 'new Greeter(…)'],
    ['an array', [new Greeter()], 'an array', '...handlers'],
    ['a promise', Promise.resolve(), 'a promise', '…'],
    ['nothing', undefined, 'undefined', '…'],
  ])('is refused with the code to write instead: %s', (_what, given, shown, handlers) => {
    const takes = 'takes a function that builds the pipeline of a channel, but got';
    const cure = `(channel) => channel.pipeline.addLast(${handlers})`;
    expect(() => builderOf('.handler', given)).toThrow(
      `.handler ${takes} ${shown}: .handler(${cure})`,
    );
    expect(() => builderOf('webSocket', given)).toThrow(
      `webSocket ${takes} ${shown}: webSocket: ${cure}`,
    );
    expect(() => initializer(given as never)).toThrow(
      `initializer() ${takes} ${shown}: initializer(${cure})`,
    );
  });
});

it('a template is refused where only a function builds the pipeline, with the cure', () => {
  expect(() => initializer(pipeline() as never)).toThrow(
    'but got a template: initializer((channel) => template.initialize(channel))',
  );
});

describe('an option that builds a pipeline', () => {
  interface ServerOptions {
    readonly build?:
      | ((channel: never, link: number) => unknown)
      | PipelineTemplate<unknown, unknown>;
  }
  const options = describeOptions('Server', { build: builder('a connection') });
  const buildOf = (given: ServerOptions) => options.resolve(given).build;

  it('is a function, which gets the second argument of its place', () => {
    const seen: unknown[] = [];
    const channel = new EmbeddedChannel();
    buildOf({ build: (self, link) => void seen.push(self, link) })?.(channel, 7);
    expect(seen).toEqual([channel, 7]);
  });

  it('is a template', () => {
    const channel = new EmbeddedChannel();
    buildOf({ build: pipeline().add(() => new Greeter()) })?.(channel);
    expect(channel.pipeline.get(Greeter)).toBeInstanceOf(Greeter);
  });

  it('may be left out, unless it is required', () => {
    expect(buildOf({})).toBeUndefined();
    const required = describeOptions('Server', { build: builder('a link', { required: true }) });
    expect(() => required.resolve({} as ServerOptions as never)).toThrow('Server: build takes');
  });
});

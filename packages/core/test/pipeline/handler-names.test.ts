import { inspect } from 'node:util';
import type { Handler } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';

class Step implements Handler {
  readonly sharable = true;
}

describe('generated names', () => {
  it('take the lowest number that is free', () => {
    const { pipeline } = new EmbeddedChannel(new Step(), new Step(), new Step());
    pipeline.remove('Step#1');
    pipeline.addLast('Step#4', new Step());
    pipeline.addLast(new Step(), new Step(), new Step());
    expect(pipeline.names()).toEqual(['Step#0', 'Step#2', 'Step#4', 'Step#1', 'Step#3', 'Step#5']);
  });
});

describe('a pipeline in a log', () => {
  it('is one line with names and classes', () => {
    const { pipeline } = new EmbeddedChannel(new Step());
    pipeline.addLast('last', {});
    const text = 'Pipeline{(Step#0 = Step), (last = Handler)}';
    expect([String(pipeline), inspect(pipeline), inspect({ pipeline })]).toEqual([
      text,
      text,
      `{ pipeline: ${text} }`,
    ]);
  });
});

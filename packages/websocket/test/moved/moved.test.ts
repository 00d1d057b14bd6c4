import { expect, it } from 'vitest';
import {
  OwnConnectionEvent,
  PortTransport,
  SharedWorkerBootstrap,
  TabServer,
} from '../../src/index.ts';

it.each(Object.entries({ OwnConnectionEvent, PortTransport, SharedWorkerBootstrap, TabServer }))(
  '%s names the package that has it now',
  (name, refuse) => {
    const text = `${name} is an export of @headrace/tabs now: npm install @headrace/tabs`;
    expect(() => refuse()).toThrow(text);
  },
);

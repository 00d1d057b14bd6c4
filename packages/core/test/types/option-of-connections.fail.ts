// expect: 'allowHalfOpen' does not exist in type 'Pick<ChannelOptions,
import { ServerBootstrap } from '@headrace/core';

new ServerBootstrap().options({ allowHalfOpen: true });

// expect: is not assignable to parameter of type 'ChannelInitializer
import { pipeline, ServerBootstrap } from '@headrace/core';
import { Rpc } from './handlers.ts';

new ServerBootstrap().childHandler(pipeline<string, string>().add(() => new Rpc())); // here

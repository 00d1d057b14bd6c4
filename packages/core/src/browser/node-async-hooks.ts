// Replaces `node:async_hooks` in a page, which has no asynchronous contexts.

export class AsyncResource {
  runInAsyncScope<T>(run: () => T): T {
    return run();
  }
}

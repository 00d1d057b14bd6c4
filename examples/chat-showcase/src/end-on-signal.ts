/** Runs a shutdown on the first SIGINT or SIGTERM, then exits with 0; a second signal ends the waiting. */
export function endOnSignal(shutdown: (signal: AbortSignal) => Promise<void>): void {
  const force = new AbortController();
  let isEnding = false;
  const onSignal = (): void => {
    if (isEnding) force.abort();
    isEnding = true;
    shutdown(force.signal).then(
      () => process.exit(0),
      (error: Error) => {
        console.error(`broadcast-chat: ${error.message}`);
        process.exit(1);
      },
    );
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
}

/** Returns a field of Redis' answer to INFO. */
export function fieldOf(info: string, name: string): string | undefined {
  return new RegExp(`^${name}:(\\S+)`, 'm').exec(info)?.[1];
}

/**
 * Returns why a bus cannot use the server of this answer to INFO, if it cannot. A replica repeats messages only to its own
 * clients, and stores nothing. After a failover, the old master can live on as such a replica.
 */
export function refusalOf(info: string): string | undefined {
  if (fieldOf(info, 'role') === 'slave') {
    return 'this server is a replica: the address must lead to the master';
  }
  const mode = fieldOf(info, 'redis_mode');
  if (mode === 'cluster') {
    return 'this server belongs to a Redis Cluster, which redisBus does not support: use a single master with replicas';
  }
  if (mode === 'sentinel') {
    return 'this server is a Sentinel, and stores nothing: pass its address in the option sentinels of redisBus, and the name of the master in url';
  }
  return undefined;
}

/** Returns true for a topic to publish to: at least one character, and no wildcard (MQTT 3.1.1, 4.7). */
export function isMqttTopic(name: string): boolean {
  return name !== '' && !/[+#]/.test(name);
}

/** Returns true for a filter of a subscription. Each wildcard must be a whole level, and `#` must be the last level. */
export function isMqttFilter(filter: string): boolean {
  return filter !== '' && !/[^/][+#]|\+[^/]|#./s.test(filter);
}

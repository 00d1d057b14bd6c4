/** True for a name that a message may be published to: at least one character, no wildcard (MQTT 3.1.1, 4.7). */
export function isMqttTopic(name: string): boolean {
  return name !== '' && !/[+#]/.test(name);
}

/** True for a filter of a subscription: each wildcard is a whole level, and `#` is the last one. */
export function isMqttFilter(filter: string): boolean {
  return filter !== '' && !/[^/][+#]|\+[^/]|#./s.test(filter);
}

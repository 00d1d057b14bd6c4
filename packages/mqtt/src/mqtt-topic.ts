/** Returns true for a topic to publish to: at least one character, and no wildcard (MQTT 3.1.1, 4.7). */
export function isMqttTopic(name: string): boolean {
  return name !== '' && !/[+#]/.test(name);
}

/** Returns true for a filter of a subscription. Each wildcard must be a whole level, and `#` must be the last level. */
export function isMqttFilter(filter: string): boolean {
  return filter !== '' && !/[^/][+#]|\+[^/]|#./s.test(filter);
}

/** A subscription that several clients share: each message goes to one of them. */
export interface MqttShare {
  /** Name of the group of clients, without `/`, `+` and `#`. */
  readonly shareName: string;
  /** Topic filter of the group. */
  readonly topic: string;
}

const SHARE = '$share/';

/** Returns true for the filter of a shared subscription in MQTT 5, even if its form is wrong. */
export function isMqttShare(filter: string): boolean {
  return filter.startsWith(SHARE);
}

/**
 * Returns the parts of the topic filter of a shared subscription, `$share/NAME/FILTER`. Returns `undefined` for every other filter, and
 * for a shared subscription whose form is wrong (MQTT 5, 4.8.2). MQTT 3.1.1 has no shared subscriptions.
 *
 * @example
 * ```ts run
 * import { mqttShareOf } from '@headrace/mqtt';
 *
 * console.log(mqttShareOf('$share/workers/jobs/#')); // prints { shareName: 'workers', topic: 'jobs/#' }
 * ```
 */
export function mqttShareOf(filter: string): MqttShare | undefined {
  if (!isMqttShare(filter)) return undefined;
  const end = filter.indexOf('/', SHARE.length);
  const shareName = filter.slice(SHARE.length, end);
  const topic = filter.slice(end + 1);
  const isRight = end > SHARE.length && isMqttTopic(shareName) && isMqttFilter(topic);
  return isRight ? { shareName, topic } : undefined;
}

// The other tabs of this browser. Two tabs of one person are one person: the room has one connection for each name, and the
// tab that signed in last has it. The one before learns here that it was no stranger.

import { clientIdKey } from 'headrace-example-broadcast-chat/client-id';

/** @typedef {Pick<BroadcastChannel, 'postMessage' | 'addEventListener'>} Channel */

export class Siblings {
  #channel;

  /**
   * @param {() => Channel} channel throws where there is none
   * @param {(isSame: (id: string) => boolean) => void} onSignedIn another tab did, under the name for which it says yes
   */
  constructor(channel, onSignedIn) {
    try {
      this.#channel = channel();
      this.#channel.addEventListener('message', (/** @type {{ data: unknown }} */ { data }) => {
        onSignedIn((id) => clientIdKey(id) === data);
      });
    } catch {
      // no channel between tabs: then a tab cannot tell another one from a stranger
    }
  }

  /** @param {string} id */
  signedIn(id) {
    this.#channel?.postMessage(clientIdKey(id));
  }
}

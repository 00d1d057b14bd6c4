// The room's log: messages and notices, the last 500; it follows its end while the reader is there.
import type { Said } from '../history.ts';
import { avatar, byId, element, tint } from './element.ts';

const MAX_ENTRIES = 500;
/** This close to the end counts as being there. */
const NEAR_END_PX = 60;

const clock = new Intl.DateTimeFormat(undefined, { timeStyle: 'short' });

export class LogView {
  private readonly scroller = byId('log');
  private readonly list = byId('messages');
  private isAtEnd = true;
  /** The notice of comings and goings that still grows, with each member's last change. */
  private presence: { item: HTMLElement; changes: Map<string, string> } | undefined = undefined;

  constructor() {
    const { scroller } = this;
    scroller.addEventListener('scroll', () => {
      const below = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight;
      this.isAtEnd = below < NEAR_END_PX;
    });
    const resized = new ResizeObserver(() => {
      if (this.isAtEnd) this.toEnd();
    });
    for (const one of [scroller, ...scroller.children]) resized.observe(one);
  }

  message({ id, text, at }: Said, isOwn: boolean): void {
    this.presence = undefined;
    this.add(messageElement(id, text, isOwn, element('time', {}, clock.format(at))));
  }

  notice(text: string): void {
    this.presence = undefined;
    this.add(noticeElement(text));
  }

  /** @param change - `joined` or `left` */
  came(id: string, change: string): void {
    this.presence ??= { item: noticeElement(), changes: new Map() };
    const { item, changes } = this.presence;
    // The latest change of a member goes last.
    changes.delete(id);
    changes.set(id, change);
    const parts = [...changes].slice(-5).map(([name, last]) => `${name} ${last}`);
    item.textContent = parts.join(' · ');
    if (!item.isConnected) this.add(item);
  }

  clear(): void {
    this.presence = undefined;
    this.list.replaceChildren();
  }

  toEnd(): void {
    this.isAtEnd = true;
    this.scroller.scrollTop = this.scroller.scrollHeight;
  }

  private add(item: HTMLElement): void {
    this.list.append(item);
    if (this.list.childElementCount > MAX_ENTRIES) this.list.firstElementChild?.remove();
  }
}

/** @param footer - below the text */
export function messageElement(
  id: string,
  text: string,
  isOwn: boolean,
  ...footer: readonly Node[]
): HTMLElement {
  const sender = element('bdi', { class: 'sender' }, isOwn ? 'You' : id);
  const said = element('p', { dir: 'auto', 'data-testid': 'message-text' }, text);
  const bubble = element('div', { class: 'bubble' }, sender, said, ...footer);
  const item = element('li', { class: isOwn ? 'message own' : 'message' }, avatar(id), bubble);
  tint(item, id);
  return item;
}

function noticeElement(text = ''): HTMLElement {
  return element('li', { class: 'notice', 'data-testid': 'notice' }, text);
}

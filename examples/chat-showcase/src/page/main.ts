// START HERE: what the server says comes in at `onText` and `onHistory`, how the link is at `onState`; what the user writes
// goes out through the outbox.
import type { Recent } from '../history.ts';
import { CatchUp } from './catch-up.ts';
import { avatar, byId, element, tint } from './element.ts';
import { Link, type LinkState, type Login } from './link.ts';
import { LogView, messageElement } from './log-view.ts';
import { Members } from './members.ts';
import { Outbox, type Outgoing } from './outbox.ts';
import { Typing } from './typing.ts';
import { backSentence, causeSentence, textFault } from './words.ts';

/** More names than this help nobody. */
const MAX_SHOWN = 200;
/** A crowd that joins at once is drawn once. */
const DRAW_AFTER_MS = 50;

/** Written by the server. */
const { idleSeconds, token: tokenRule } = document.body.dataset;
const signIn = byId<HTMLFormElement>('sign-in');
const nameField = byId<HTMLInputElement>('name');
const tokenField = byId<HTMLInputElement>('token');
const composer = byId<HTMLFormElement>('composer');
const field = byId<HTMLTextAreaElement>('message');
const log = new LogView();

/** One sign-in, until the user leaves. */
class Session {
  private readonly login: Login;
  private readonly link: Link;
  private readonly outbox = new Outbox();
  private readonly members = new Members();
  private readonly catchUp = new CatchUp();
  private readonly typing: Typing;
  private drawing: ReturnType<typeof setTimeout> | undefined = undefined;
  private wasOnline = false;
  private isOnline = false;

  constructor(login: Login) {
    this.login = login;
    this.typing = new Typing(login.id, () => this.link.typing());
    this.link = new Link({
      ...login,
      address: '/ws',
      idleMs: Number(idleSeconds) * 1000,
      onState: (state) => this.onState(state),
      onText: (text) => this.onText(text),
      onHistory: (recent) => this.onHistory(recent),
      onTyping: (json) => this.typing.heard(json),
    });
  }

  types(): void {
    this.typing.types();
  }

  say(text: string): void {
    this.typing.said();
    this.outbox.add(text);
    this.deliver();
    log.toEnd();
  }

  /** Asks about messages that would be lost. */
  mayLeave(): boolean {
    const question = 'Some of your messages are not delivered. Leave, and drop them?';
    return this.outbox.messages.length === 0 || confirm(question);
  }

  get hasUnsent(): boolean {
    return this.outbox.messages.length > 0;
  }

  retryNow(): void {
    this.link.retryNow();
  }

  leave(): void {
    this.typing.disconnected();
    clearTimeout(this.drawing);
    void this.link.close();
  }

  // --- the link ---

  private onState(state: LinkState): void {
    if (session !== this) return;
    showState(state, this.wasOnline);
    if (state.name !== 'online') this.typing.disconnected();
    if (state.name === 'connecting') this.catchUp.connected();
    else if (state.name === 'online') {
      this.isOnline = true;
      this.deliver();
    } else if (this.isOnline) {
      this.isOnline = false;
      this.outbox.linkLost();
      this.showOutbox();
    }
  }

  private onText(text: string): void {
    const [word, rest] = cut(text);
    if (word === 'ECHO') {
      this.outbox.echoed(rest);
      this.said(this.login.id, rest);
      this.showOutbox();
    } else if (word === 'MSG') this.said(...cut(rest));
    else if (word === 'JOIN' || word === 'LEAVE') this.came(rest, word === 'JOIN');
    else if (word === 'MEMBERS') this.members.listBegins(Number(rest));
    else if (word === 'MEMBER') this.members.listed(rest);
    else if (word === 'ERR') log.notice(causeSentence(rest));
    this.drawing ??= setTimeout(() => this.showMembers(), DRAW_AFTER_MS);
  }

  private said(id: string, text: string): void {
    this.catchUp.heard();
    log.message({ id, text, at: Date.now() }, id === this.login.id);
  }

  private came(id: string, isJoin: boolean): void {
    if (isJoin) this.members.joined(id);
    else this.members.left(id);
    if (id !== this.login.id) log.came(id, isJoin ? 'joined' : 'left');
  }

  private onHistory(recent: Recent): void {
    const { messages, isComplete } = this.catchUp.missed(recent);
    for (const one of messages) {
      const isOwn = one.id === this.login.id;
      if (isOwn) this.outbox.found(one.text);
      log.message(one, isOwn);
    }
    const { id } = this.login;
    log.notice(this.wasOnline ? backSentence(messages.length, isComplete) : `You are in as ${id}.`);
    this.wasOnline = true;
    this.showOutbox();
  }

  // --- what is shown ---

  private deliver(): void {
    this.outbox.flush((text) => this.link.send(text));
    this.showOutbox();
  }

  private showOutbox(): void {
    const items = this.outbox.messages.map((message) => this.outgoing(message));
    byId('outbox').replaceChildren(...items);
  }

  private outgoing(message: Outgoing): HTMLElement {
    const { text, state } = message;
    const footer = element(
      'small',
      {},
      state === 'sent' ? 'Sending…' : 'Waiting for the connection',
    );
    if (state === 'unsure') {
      footer.replaceChildren(
        'The connection broke: it may have arrived. ',
        button('Send again', () => this.outbox.again(message)),
        ' ',
        button('Discard', () => this.outbox.discard(message)),
      );
      footer.addEventListener('click', () => this.deliver());
    }
    const item = messageElement(this.login.id, text, true, footer);
    item.dataset['testid'] = 'outgoing-message';
    item.dataset['state'] = state;
    return item;
  }

  private showMembers(): void {
    this.drawing = undefined;
    const ids = this.members.sorted();
    const items = ids.slice(0, MAX_SHOWN).map((id) => {
      const item = element('li', { 'data-testid': 'person' }, avatar(id), element('bdi', {}, id));
      if (id === this.login.id) item.append(element('small', {}, 'you'));
      tint(item, id);
      return item;
    });
    if (ids.length > MAX_SHOWN) items.push(element('li', {}, `and ${ids.length - MAX_SHOWN} more`));
    byId('people').replaceChildren(...items);
    byId('people-count').textContent = String(ids.length);
  }
}

let session: Session | undefined;

function showState(state: LinkState, wasOnline: boolean): void {
  const isOver = state.name === 'ended';
  document.body.dataset['state'] = state.name;
  const labels = {
    connecting: 'Connecting…',
    online: 'Online',
    waiting: 'Reconnecting…',
    ended: 'Signed out',
  };
  byId('connection').textContent = labels[state.name];
  const reason = 'because' in state ? causeSentence(state.because) : '';
  byId('sign-in-error').textContent = reason;
  // No flicker between attempts.
  if (state.name !== 'connecting') byId('banner').hidden = reason === '';
  if (reason !== '') byId('banner-text').textContent = reason;
  byId('retry-now').textContent = isOver ? 'Sign in here' : 'Try now';
  field.readOnly = isOver;
  if (state.name === 'online' || wasOnline) showRoom(true);
}

function showRoom(isIn: boolean): void {
  if (byId('room').hidden !== isIn) return;
  byId('room').hidden = !isIn;
  signIn.hidden = isIn;
  (isIn ? field : nameField).focus();
}

function enter(login: Login): void {
  session?.leave();
  log.clear();
  byId('outbox').replaceChildren();
  session = new Session(login);
}

function button(label: string, onClick: () => void): HTMLElement {
  const made = element('button', { type: 'button', class: 'link' }, label);
  made.addEventListener('click', onClick);
  return made;
}

/** An id ends at the first colon, everything after it is text: `MSG:ann:see: here`. */
function cut(text: string): [word: string, rest: string] {
  const colon = text.indexOf(':');
  return colon < 0 ? [text, ''] : [text.slice(0, colon), text.slice(colon + 1)];
}

// --- what the user does ---

const loginTyped = (): Login => ({
  id: nameField.value.trim().normalize('NFC'),
  token: tokenField.value,
});

signIn.addEventListener('submit', (event) => {
  event.preventDefault();
  enter(loginTyped());
});

byId('retry-now').addEventListener('click', () => {
  if (document.body.dataset['state'] === 'ended') enter(loginTyped());
  else session?.retryNow();
});

byId('sign-out').addEventListener('click', () => {
  if (session?.mayLeave() === false) return;
  session?.leave();
  session = undefined;
  showRoom(false);
});

composer.addEventListener('submit', (event) => {
  event.preventDefault();
  const text = field.value.trim();
  const fault = textFault(text);
  byId('composer-hint').textContent = fault ?? '';
  if (text === '' || fault !== undefined || field.readOnly) return;
  session?.say(text);
  field.value = '';
});

field.addEventListener('input', () => {
  if (field.value.trim() !== '') session?.types();
});

field.addEventListener('keydown', (event) => {
  // Enter that ends the composition of a character is not meant for us.
  if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  composer.requestSubmit();
});

addEventListener('beforeunload', (event) => {
  if (session?.hasUnsent === true) event.preventDefault();
});

byId('token-field').hidden = tokenRule === 'none';
tokenField.required = tokenRule === 'required';
nameField.focus();

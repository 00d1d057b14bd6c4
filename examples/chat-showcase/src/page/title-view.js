// The window's title: counts what came while nobody was looking.

export class TitleView {
  #plain = document.title;
  #unread = 0;

  constructor() {
    document.addEventListener('visibilitychange', () => {
      if (!document.hidden) this.clear();
    });
  }

  messageCame() {
    if (!document.hidden) return;
    this.#unread += 1;
    document.title = `(${this.#unread > 99 ? '99+' : this.#unread}) ${this.#plain}`;
  }

  clear() {
    this.#unread = 0;
    document.title = this.#plain;
  }
}

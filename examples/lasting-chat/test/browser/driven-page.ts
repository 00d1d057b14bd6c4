/** The part of a page that all drivers have. */
export interface DrivenPage {
  goto(url: string): Promise<unknown>;
  /** The value of an expression, or of its promise, as JSON can have it. */
  evaluate(expression: string): Promise<unknown>;
  reload(): Promise<unknown>;
  /** The browser tells the page that it is offline, or online again. Connections that are open may stay. */
  offline(isOffline: boolean): Promise<unknown>;
  close(): Promise<unknown>;
}

export interface DrivenBrowser {
  /** Another tab of the same user: pages of one origin share their workers. */
  newPage(): Promise<DrivenPage>;
  close(): Promise<unknown>;
}

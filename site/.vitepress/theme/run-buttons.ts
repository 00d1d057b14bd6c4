// Gives each sample that runs its buttons, once the page is there: in the page's own HTML a sample is plain code, which
// is loaded once and not again as part of a script.
import { type App, createApp } from 'vue';
import RunSample from './RunSample.vue';

const mounted = new Map<Element, App>();

export function addRunButtons(): void {
  for (const [host, app] of mounted) {
    if (host.isConnected) continue;
    app.unmount();
    mounted.delete(host);
  }
  for (const [index, sample] of document.querySelectorAll('.sample').entries()) {
    const block = sample.firstElementChild;
    if (!(block instanceof HTMLElement) || sample.childElementCount > 1) continue;
    const host = sample.appendChild(document.createElement('div'));
    const app = createApp(RunSample, { block, index });
    app.mount(host);
    mounted.set(host, app);
  }
}

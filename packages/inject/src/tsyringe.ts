// The decorators read and write metadata, so what adds it to `Reflect` must run before tsyringe does.
import 'reflect-metadata';

export {
  container,
  type DependencyContainer,
  delay,
  type InjectionToken,
  inject,
  injectAll,
  injectable,
  instanceCachingFactory,
  Lifecycle,
  registry,
  scoped,
  singleton,
} from 'tsyringe';

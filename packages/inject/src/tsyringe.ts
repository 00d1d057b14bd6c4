// The decorators use metadata. Therefore the module that adds metadata to `Reflect` must run before tsyringe.
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

/**
 * A bus between the nodes themselves, without a server: `@headrace/cluster/mesh`.
 *
 * @module
 */

export { hostPlaces } from './bus/mesh/host-places.ts';
export { type MeshBusOptions, meshBus } from './bus/mesh/mesh-bus.ts';
export type { MeshPlace } from './bus/mesh/mesh-place.ts';
export type { MeshListenOptions, MeshOptions, MeshTls } from './bus/mesh/mesh-plan.ts';
export {
  type MeshRegister,
  type MeshRegisterOptions,
  meshRegister,
} from './bus/mesh/mesh-register.ts';

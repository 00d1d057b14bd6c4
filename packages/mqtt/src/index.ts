export { type MqttPeer, mqttPeerOf } from './mqtt-connection.ts';
export { MqttDecoder, type MqttDecoderOptions } from './mqtt-decoder.ts';
export { MqttEncoder } from './mqtt-encoder.ts';
export type {
  MqttAcknowledgement,
  MqttAuth,
  MqttConnack,
  MqttConnect,
  MqttDisconnect,
  MqttPacket,
  MqttProtocolLevel,
  MqttPublish,
  MqttQos,
  MqttSignal,
  MqttSuback,
  MqttSubscribe,
  MqttSubscription,
  MqttUnsuback,
  MqttUnsubscribe,
  MqttWill,
} from './mqtt-packet.ts';
export type {
  MqttProperties,
  MqttPropertiesOf,
  MqttPropertyNames,
} from './mqtt-properties.ts';
export { MQTT_REASONS } from './mqtt-reasons.ts';
export { type MqttShare, mqttShareOf } from './mqtt-topic.ts';

# For each line of "schema files ...;bytes;bytes" in hex: whether each of the bytes is a message, and its known fields.
import sys
import warnings

from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.message import DecodeError


def message_class(files):
    pool = descriptor_pool.DescriptorPool()
    for file in files:
        pool.Add(FileDescriptorProto.FromString(bytes.fromhex(file)))
    descriptor = pool.FindMessageTypeByName('test.A')
    if hasattr(message_factory, 'GetMessageClass'):
        return message_factory.GetMessageClass(descriptor)
    return message_factory.MessageFactory(pool).GetPrototype(descriptor)


def read(kind, text):
    message = kind()
    data = bytes.fromhex(text)
    try:
        # The end of a group that is not open ends the message with a warning.
        if message.ParseFromString(data) != len(data):
            return 'refused'
    except DecodeError:
        return 'refused'
    message.DiscardUnknownFields()
    return message.SerializePartialToString(deterministic=True).hex()


warnings.simplefilter('ignore')
for line in sys.stdin:
    files, *messages = line.rstrip('\n').split(';')
    kind = message_class(files.split())
    print(';'.join(read(kind, message) for message in messages))

<?php
// The functions of GatewayWorker's own PHP client, over the HTTP API of a cluster, without any library:
//
//     require 'Gateway.php';
//     use GatewayClient\Gateway;
//
//     Gateway::$api = 'http://127.0.0.1:8283'; // in the place of Gateway::$registerAddress
//     Gateway::$apiKey = 'open-sesame';
//     Gateway::sendToGroup('lobby', 'hi');
declare(strict_types=1);

namespace GatewayClient;

/** The API refused a request, or did not answer. */
final class ApiException extends \RuntimeException
{
    /** @param ?int $done connections that were reached, if not all gateways answered */
    public function __construct(public readonly string $apiCode, string $message, int $status, public readonly ?int $done)
    {
        parent::__construct("$status $apiCode: $message", $status);
    }
}

/** A function, or a parameter, that the HTTP API does not offer: nothing was sent. */
final class NotOffered extends \LogicException
{
}

/** A message of bytes, such as an image: any `$message` may be one. */
final class Bytes
{
    public function __construct(public readonly string $bytes)
    {
    }
}

/**
 * Names, parameters and results are those of the manual of GatewayWorker, for empty arguments, too: an empty name means nobody, except
 * where the manual says that it means all. All functions throw ApiException.
 */
class Gateway
{
    /** The URL of the API. */
    public static string $api = 'http://127.0.0.1:8283';
    public static string $apiKey = '';
    /** Seconds for one try. */
    public static float $timeout = 10;
    /** After 429, 503 and no answer; what was done already is not done again. */
    public static int $tries = 3;

    /** Those of GatewayWorker, which have no effect here, so that a program which sets them runs: set $api and $apiKey. */
    public static mixed $registerAddress = null;
    public static mixed $secretKey = '';
    public static mixed $connectTimeout = 3;
    public static mixed $persistentConnection = false;
    public static mixed $addressesCacheDisable = false;

    /** Messages of one batch: `maxBatch` of the API. */
    private const BATCH = 100;
    /** Functions about the current client or the process of a worker, which a program outside does not have. */
    private const OF_WORKERS = [
        'sendToCurrentClient', 'closeCurrentClient', 'destroyCurrentClient', 'destoryCurrentClient',
        'setSocketSession', 'setBusinessWorker',
    ];

    // --- messages ---

    /**
     * @param mixed $client_id_array an array: to these only, with an empty one to nobody; null, '' and false: to all
     * @param mixed $exclude_client_id one, or an array of them
     */
    public static function sendToAll(mixed $message, mixed $client_id_array = null, mixed $exclude_client_id = null, mixed $raw = false): void
    {
        self::check('sendToAll', $raw);
        if (is_array($client_id_array)) {
            self::publishToEach('connection', $client_id_array, $message, $exclude_client_id);
        } elseif (!$client_id_array) {
            self::publish(['all' => true], $message, $exclude_client_id);
        } else {
            trigger_error('Gateway::sendToAll: $client_id_array is no array, and nobody gets the message', E_USER_WARNING);
        }
    }

    /** True if the connection is there. */
    public static function sendToClient(mixed $client_id, mixed $message, mixed $raw = false): bool
    {
        self::check('sendToClient', $raw);
        return !self::isEmpty($client_id) && self::publish(['connection' => (string) $client_id], $message) > 0;
    }

    /** @param mixed $uid one, or an array of them */
    public static function sendToUid(mixed $uid, mixed $message, mixed $raw = false): void
    {
        self::check('sendToUid', $raw);
        self::publishToEach('user', (array) $uid, $message);
    }

    /**
     * @param mixed $group one, or an array of them: a member of two of them gets the message twice
     * @param mixed $exclude_client_id one, or an array of them
     */
    public static function sendToGroup(mixed $group, mixed $message, mixed $exclude_client_id = null, mixed $raw = false): void
    {
        self::check('sendToGroup', $raw);
        if (!$group) {
            return;
        }
        self::publishToEach('group', (array) $group, $message, $exclude_client_id);
    }

    // --- who is there ---

    /** 1 or 0. */
    public static function isOnline(mixed $client_id): int
    {
        return (int) (!self::isEmpty($client_id) && self::get('connections', $client_id, 'online', 'bool'));
    }

    /** 1 or 0. */
    public static function isUidOnline(mixed $uid): int
    {
        return (int) (!self::isEmpty($uid) && self::get('users', $uid, 'online', 'bool'));
    }

    /** 1 or 0 for each. */
    public static function isUidsOnline(array $uids): array
    {
        return self::each($uids, self::isUidOnline(...));
    }

    public static function getAllClientIdCount(): int
    {
        return self::call('GET', '/count', 'count', 'int');
    }

    /** The older name of getAllClientIdCount. */
    public static function getAllClientCount(): int
    {
        return self::getAllClientIdCount();
    }

    /** Without a group, of all. */
    public static function getClientIdCountByGroup(mixed $group = ''): int
    {
        return $group ? self::countOf($group) : self::getAllClientIdCount();
    }

    /** The older name of getClientIdCountByGroup. */
    public static function getClientCountByGroup(mixed $group = ''): int
    {
        return self::getClientIdCountByGroup($group);
    }

    public static function batchGetClientIdCountByGroup(array $groups): array
    {
        return self::each($groups, self::countOf(...));
    }

    /** Each client_id is its key, too. @param mixed $group one, or an array of them */
    public static function getClientIdListByGroup(mixed $group): array
    {
        return self::keyed(array_column(self::inGroups($group), 'id'));
    }

    public static function getAllClientIdList(): array
    {
        return self::keyed(array_column(self::listed('/connections'), 'id'));
    }

    public static function getClientIdByUid(mixed $uid): array
    {
        return self::isEmpty($uid) ? [] : array_column(self::listed('/users/' . self::name($uid) . '/connections'), 'id');
    }

    /** The users that have connections, with these. */
    public static function batchGetClientIdByUid(array $uids): array
    {
        return array_filter(self::each($uids, self::getClientIdByUid(...)));
    }

    /** The first one, or null. */
    public static function getUidByClientId(mixed $client_id): ?string
    {
        return self::info($client_id)['users'][0] ?? null;
    }

    /** Each uid is its key, too. @param mixed $group one, or an array of them */
    public static function getUidListByGroup(mixed $group): array
    {
        return self::keyed(array_merge(...array_column(self::inGroups($group), 'users')));
    }

    public static function getUidCountByGroup(mixed $group): int
    {
        return count(self::getUidListByGroup($group));
    }

    public static function getAllUidList(): array
    {
        return self::keyed(array_merge(...array_column(self::listed('/connections'), 'users')));
    }

    public static function getAllUidCount(): int
    {
        return count(self::getAllUidList());
    }

    public static function getAllGroupIdList(): array
    {
        return self::keyed(array_keys(self::getAllGroupClientIdList()));
    }

    public static function getAllGroupClientIdList(): array
    {
        return self::byGroup(fn ($one) => [$one['id']]);
    }

    public static function getAllGroupClientIdCount(): array
    {
        return array_map(count(...), self::getAllGroupClientIdList());
    }

    public static function getAllGroupUidList(): array
    {
        return array_filter(self::byGroup(fn ($one) => $one['users']));
    }

    public static function getAllGroupUidCount(): array
    {
        return array_map(count(...), self::getAllGroupUidList());
    }

    // --- sessions ---

    /** Null for a connection that is not there. */
    public static function getSession(mixed $client_id): ?array
    {
        return self::info($client_id)['session'] ?? null;
    }

    /** True if the connection is there. */
    public static function setSession(mixed $client_id, array $session): bool
    {
        return self::change('/session', $client_id, ['session' => (object) $session]);
    }

    /** Members that are arrays are replaced, not merged. True if the connection is there. */
    public static function updateSession(mixed $client_id, array $session): bool
    {
        return self::change('/session', $client_id, ['changes' => (object) $session]);
    }

    /** By client_id. Without a group, of all. */
    public static function getAllClientSessions(mixed $group = ''): array
    {
        $connections = $group ? self::inGroups($group) : self::listed('/connections');
        return array_column($connections, 'session', 'id');
    }

    public static function getClientSessionsByGroup(mixed $group): array
    {
        return $group ? self::getAllClientSessions($group) : [];
    }

    /** The older name of getAllClientSessions. */
    public static function getAllClientInfo(mixed $group = ''): array
    {
        return self::getAllClientSessions($group);
    }

    /** The older name of getClientSessionsByGroup. As in GatewayWorker, without a group it gives the sessions of all. */
    public static function getClientInfoByGroup(mixed $group): array
    {
        return self::getAllClientSessions($group);
    }

    // --- changes; true if the connection is there ---

    public static function joinGroup(mixed $client_id, mixed $group): bool
    {
        return $group && self::change('/join', $client_id, ['group' => (string) $group]);
    }

    public static function leaveGroup(mixed $client_id, mixed $group): bool
    {
        return $group && self::change('/leave', $client_id, ['group' => (string) $group]);
    }

    /** Removes all connections from a group. */
    public static function ungroup(mixed $group): void
    {
        if ($group) {
            self::call('POST', '/leave', 'count', 'int', ['to' => ['group' => (string) $group], 'group' => (string) $group]);
        }
    }

    /** As in GatewayWorker, a connection has one user: the last one counts. */
    public static function bindUid(mixed $client_id, mixed $uid): bool
    {
        if (!$uid) {
            return false;
        }
        foreach (self::info($client_id)['users'] ?? [] as $other) {
            if ($other !== (string) $uid) {
                self::unbindUid($client_id, $other);
            }
        }
        return self::change('/bind', $client_id, ['user' => (string) $uid]);
    }

    public static function unbindUid(mixed $client_id, mixed $uid): bool
    {
        return $uid && self::change('/unbind', $client_id, ['user' => (string) $uid]);
    }

    /** True if the connection was there. @param mixed $message is sent before; null or '' for none */
    public static function closeClient(mixed $client_id, mixed $message = null): bool
    {
        $last = self::isEmpty($message) ? [] : self::carried($message);
        return !self::isEmpty($client_id) && self::call('POST', '/disconnect', 'closed', 'int', ['to' => ['connection' => (string) $client_id]] + $last) > 0;
    }

    /** True if the connection was there. */
    public static function destroyClient(mixed $client_id): bool
    {
        return self::closeClient($client_id);
    }

    /** The name of destroyClient in GatewayWorker's own client. */
    public static function destoryClient(mixed $client_id): bool
    {
        return self::closeClient($client_id);
    }

    // --- what only a worker can do ---

    public static function __callStatic(string $name, array $arguments): never
    {
        if (in_array($name, self::OF_WORKERS, true)) {
            throw new NotOffered("Gateway::$name: the HTTP API does not offer it; a worker does, by connectionsOf(cluster)");
        }
        throw new \BadMethodCallException("there is no Gateway::$name");
    }

    // --- HTTP ---

    /** Whether a name, or a message, is none. */
    private static function isEmpty(mixed $value): bool
    {
        return $value === null || $value === '' || $value === false;
    }

    private static function countOf(mixed $group): int
    {
        return self::isEmpty($group) ? 0 : self::get('groups', $group, 'count', 'int');
    }

    private static function check(string $function, mixed $raw): void
    {
        if ($raw) {
            throw new NotOffered("Gateway::$function: the HTTP API has no raw messages, the gateway encodes them all");
        }
    }

    private static function publication(array $to, mixed $message, mixed $exclude): array
    {
        $except = array_map(fn ($one) => ['connection' => (string) $one], $exclude ? array_values((array) $exclude) : []);
        return ['to' => $to] + self::carried($message) + ($except === [] ? [] : ['except' => $except]);
    }

    private static function carried(mixed $message): array
    {
        return $message instanceof Bytes ? ['bytes' => base64_encode($message->bytes)] : ['message' => $message];
    }

    private static function publish(array $to, mixed $message, mixed $exclude = null): int
    {
        return self::call('POST', '/publish', 'delivered', 'int', self::publication($to, $message, $exclude));
    }

    private static function publishToEach(string $kind, array $names, mixed $message, mixed $exclude = null): void
    {
        $messages = array_map(
            fn ($name) => self::publication([$kind => (string) $name], $message, $exclude),
            array_values(array_filter($names, fn ($name) => !self::isEmpty($name))),
        );
        if (count($messages) === 1) {
            self::publish($messages[0]['to'], $message, $exclude);
            return;
        }
        $refused = null;
        foreach (array_chunk($messages, self::BATCH) as $batch) {
            foreach (self::call('POST', '/batch', 'results', 'array', ['messages' => $batch]) as $result) {
                $refused ??= !is_array($result) || isset($result['error']) ? (array) $result : null;
            }
        }
        // The others have their message by now.
        if ($refused !== null) {
            throw self::error($refused, 200);
        }
    }

    private static function get(string $path, mixed $name, string $member, string $type): mixed
    {
        return self::call('GET', "/$path/" . self::name($name), $member, $type);
    }

    private static function change(string $path, mixed $client_id, array $change): bool
    {
        return !self::isEmpty($client_id) && self::call('POST', $path, 'count', 'int', ['to' => ['connection' => (string) $client_id]] + $change) > 0;
    }

    private static function name(mixed $name): string
    {
        return rawurlencode((string) $name);
    }

    /** The connection, or an empty array. */
    private static function info(mixed $client_id): array
    {
        return self::isEmpty($client_id) ? [] : self::listed('/connections/' . self::name($client_id) . '/info')[0] ?? [];
    }

    private static function inGroups(mixed $group): array
    {
        $names = $group ? array_filter((array) $group, fn ($one) => !self::isEmpty($one)) : [];
        $lists = array_map(fn ($one) => self::listed('/groups/' . self::name($one) . '/connections'), $names);
        return array_merge(...array_values($lists));
    }

    /** All parts of a list. */
    private static function listed(string $path): array
    {
        $all = [];
        $after = null;
        for ($query = ''; ; $query = '?after=' . self::name($after)) {
            $part = self::call('GET', $path . $query, 'connections', 'array', null, true);
            foreach ($part['connections'] as $one) {
                $isWhole = is_string($one['id'] ?? null) && is_array($one['session'] ?? null)
                    && self::areNames($one['users'] ?? null) && self::areNames($one['groups'] ?? null);
                $all[] = $isWhole ? $one : throw self::error([], 200);
            }
            $next = $part['next'] ?? null;
            if ($next === null) {
                return $all;
            }
            // The same part again would be asked for without an end.
            $after = is_string($next) && $next !== $after ? $next : throw self::error([], 200);
        }
    }

    private static function areNames(mixed $names): bool
    {
        return is_array($names) && array_filter($names, is_string(...)) === $names;
    }

    /** @param callable $of the members that a connection adds to each of its groups */
    private static function byGroup(callable $of): array
    {
        $groups = [];
        foreach (self::listed('/connections') as $one) {
            foreach ($one['groups'] as $group) {
                $groups[$group] = ($groups[$group] ?? []) + self::keyed($of($one));
            }
        }
        return $groups;
    }

    private static function each(array $names, callable $ask): array
    {
        return array_combine($names, array_map($ask, $names));
    }

    private static function keyed(array $names): array
    {
        return array_combine($names, $names);
    }

    /** The member of the answer, or the whole answer. An answer without the member is not the API's, and counts as none. */
    private static function call(string $method, string $path, string $member, string $type, ?array $body = null, bool $isWhole = false): mixed
    {
        $http = [
            'method' => $method,
            'header' => ['Authorization: Bearer ' . self::$apiKey],
            'timeout' => self::$timeout,
            'ignore_errors' => true,
            // A redirect would carry the key to another server.
            'follow_location' => 0,
        ];
        if ($body !== null) {
            // The same key in each try: what was done already is not done again.
            $http['header'][] = 'Idempotency-Key: ' . bin2hex(random_bytes(16));
            $http['header'][] = 'Content-Type: application/json';
            try {
                $http['content'] = json_encode($body, JSON_THROW_ON_ERROR | JSON_PRESERVE_ZERO_FRACTION);
            } catch (\JsonException $error) {
                // JSON has no bytes that are no UTF-8. Nothing was sent.
                throw new ApiException('WRONG_MESSAGE', 'the message is not JSON: ' . $error->getMessage() . '; bytes are new GatewayClient\\Bytes($message)', 400, null);
            }
        }
        for ($left = self::$tries - 1; ; $left--) {
            $http_response_header = [];
            $text = @file_get_contents(self::$api . $path, false, stream_context_create(['http' => $http]));
            $status = (int) (explode(' ', $http_response_header[0] ?? '')[1] ?? 0);
            $answer = json_decode((string) $text, true);
            if ($status === 200 && is_array($answer) && get_debug_type($answer[$member] ?? null) === $type) {
                return $isWhole ? $answer : $answer[$member];
            }
            $isPassing = in_array($status, [0, 200], true) || in_array($status, [429, 503], true) && !isset($answer['done']);
            if ($left <= 0 || !$isPassing) {
                throw self::error(is_array($answer) ? $answer : [], $status);
            }
            sleep(1);
        }
    }

    private static function error(array $answer, int $status): ApiException
    {
        $error = is_array($answer['error'] ?? null) ? $answer['error'] : [];
        $text = fn (string $name, string $default) => is_string($error[$name] ?? null) ? $error[$name] : $default;
        $done = is_int($answer['done'] ?? null) ? $answer['done'] : null;
        return new ApiException($text('code', 'NO_ANSWER'), $text('message', 'no answer of the API'), $status, $done);
    }
}

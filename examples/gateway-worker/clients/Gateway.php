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

/** Names, parameters and results are those of the manual of GatewayWorker. All functions throw ApiException. */
final class Gateway
{
    /** The URL of the API. */
    public static string $api = 'http://127.0.0.1:8283';
    public static string $apiKey = '';
    /** Seconds for one try. */
    public static float $timeout = 10;
    /** After 429, 503 and no answer; what was done already is not done again. */
    public static int $tries = 3;

    /** Messages of one batch: `maxBatch` of the API. */
    private const BATCH = 100;
    /** Functions of the manual that the HTTP API does not offer. */
    private const OF_WORKERS = [
        'sendToCurrentClient', 'closeCurrentClient', 'destroyCurrentClient',
        'bindUid', 'unbindUid', 'getClientIdByUid', 'getUidByClientId', 'batchGetClientIdByUid',
        'joinGroup', 'leaveGroup', 'ungroup',
        'getSession', 'setSession', 'updateSession', 'getClientSessionsByGroup', 'getAllClientSessions',
        'getClientIdListByGroup', 'getAllClientIdList', 'getAllClientIdCount', 'getAllClientCount',
        'getUidListByGroup', 'getUidCountByGroup', 'getAllUidList', 'getAllUidCount',
        'getAllGroupIdList', 'getAllGroupClientIdList', 'getAllGroupClientIdCount',
        'getAllGroupUidList', 'getAllGroupUidCount',
    ];

    // --- what the API offers ---

    /** @param ?array $client_id_array to these only */
    public static function sendToAll(mixed $message, ?array $client_id_array = null, mixed $exclude_client_id = null, bool $raw = false): void
    {
        self::check('sendToAll', $exclude_client_id, $raw);
        if ($client_id_array === null) {
            self::publish(['all' => true], $message);
        } else {
            self::publishToEach('connection', $client_id_array, $message);
        }
    }

    /** True if the connection is there. */
    public static function sendToClient(mixed $client_id, mixed $message, bool $raw = false): bool
    {
        self::check('sendToClient', null, $raw);
        return self::publish(['connection' => (string) $client_id], $message) > 0;
    }

    /** @param mixed $uid one, or an array of them */
    public static function sendToUid(mixed $uid, mixed $message, bool $raw = false): void
    {
        self::check('sendToUid', null, $raw);
        self::publishToEach('user', (array) $uid, $message);
    }

    /** @param mixed $group one, or an array of them: a member of two of them gets the message twice */
    public static function sendToGroup(mixed $group, mixed $message, mixed $exclude_client_id = null, bool $raw = false): void
    {
        self::check('sendToGroup', $exclude_client_id, $raw);
        self::publishToEach('group', (array) $group, $message);
    }

    /** 1 or 0. */
    public static function isOnline(mixed $client_id): int
    {
        return (int) self::get('connections', $client_id)['online'];
    }

    /** 1 or 0. */
    public static function isUidOnline(mixed $uid): int
    {
        return (int) self::get('users', $uid)['online'];
    }

    public static function getClientIdCountByGroup(mixed $group): int
    {
        return self::get('groups', $group)['count'];
    }

    /** The older name of getClientIdCountByGroup. */
    public static function getClientCountByGroup(mixed $group): int
    {
        return self::getClientIdCountByGroup($group);
    }

    /** True if the connection was there. @param mixed $message is sent before; null for none */
    public static function closeClient(mixed $client_id, mixed $message = null): bool
    {
        $last = $message === null ? [] : ['message' => $message];
        return self::call('POST', '/disconnect', ['to' => ['connection' => (string) $client_id]] + $last)['closed'] > 0;
    }

    /** True if the connection was there. */
    public static function destroyClient(mixed $client_id): bool
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

    private static function check(string $function, mixed $exclude, bool $raw): void
    {
        if ($exclude !== null && $exclude !== []) {
            throw new NotOffered("Gateway::$function: the HTTP API has no exclude_client_id");
        }
        if ($raw) {
            throw new NotOffered("Gateway::$function: the HTTP API has no raw messages, the gateway encodes them all");
        }
    }

    private static function publish(array $to, mixed $message): int
    {
        return self::call('POST', '/publish', ['to' => $to, 'message' => $message])['delivered'];
    }

    private static function publishToEach(string $kind, array $names, mixed $message): void
    {
        $messages = array_map(fn ($name) => ['to' => [$kind => (string) $name], 'message' => $message], array_values($names));
        if (count($messages) === 1) {
            self::publish($messages[0]['to'], $message);
            return;
        }
        $refused = null;
        foreach (array_chunk($messages, self::BATCH) as $batch) {
            foreach (self::call('POST', '/batch', ['messages' => $batch])['results'] as $result) {
                $refused ??= isset($result['error']) ? $result : null;
            }
        }
        // The others have their message by now.
        if ($refused !== null) {
            throw self::error($refused, 200);
        }
    }

    private static function get(string $path, mixed $name): array
    {
        return self::call('GET', "/$path/" . rawurlencode((string) $name));
    }

    private static function call(string $method, string $path, ?array $body = null): array
    {
        $http = [
            'method' => $method,
            'header' => ['Authorization: Bearer ' . self::$apiKey],
            'timeout' => self::$timeout,
            'ignore_errors' => true,
        ];
        if ($body !== null) {
            // The same key in each try: what was done already is not done again.
            $http['header'][] = 'Idempotency-Key: ' . bin2hex(random_bytes(16));
            $http['header'][] = 'Content-Type: application/json';
            $http['content'] = json_encode($body, JSON_THROW_ON_ERROR | JSON_PRESERVE_ZERO_FRACTION);
        }
        for ($left = self::$tries - 1; ; $left--) {
            $http_response_header = [];
            $text = @file_get_contents(self::$api . $path, false, stream_context_create(['http' => $http]));
            $status = (int) (explode(' ', $http_response_header[0] ?? '')[1] ?? 0);
            $answer = json_decode((string) $text, true);
            if ($status === 200 && is_array($answer)) {
                return $answer;
            }
            $isPassing = $status === 0 || in_array($status, [429, 503], true) && !isset($answer['done']);
            if ($left <= 0 || !$isPassing) {
                throw self::error(is_array($answer) ? $answer : [], $status);
            }
            sleep(1);
        }
    }

    private static function error(array $answer, int $status): ApiException
    {
        $error = $answer['error'] ?? ['code' => 'NO_ANSWER', 'message' => 'no answer of the API'];
        return new ApiException($error['code'], $error['message'], $status, $answer['done'] ?? null);
    }
}

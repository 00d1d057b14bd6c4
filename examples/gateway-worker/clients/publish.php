<?php
// Publishes without any library: API=http://127.0.0.1:8283 API_KEY=open-sesame php publish.php ROOM TEXT
declare(strict_types=1);

/** Returns the answer; throws with what the API refused. */
function call(string $path, array $body, int $tries = 3): array
{
    // The same key in each try: what was done already is not done again.
    $options = ['http' => [
        'method' => 'POST',
        'header' => [
            'Authorization: Bearer ' . getenv('API_KEY'),
            'Content-Type: application/json',
            'Idempotency-Key: ' . bin2hex(random_bytes(16)),
        ],
        'content' => json_encode($body, JSON_THROW_ON_ERROR),
        'timeout' => 10,
        'ignore_errors' => true,
        // A redirect would carry the key to another server.
        'follow_location' => 0,
    ]];
    for ($left = $tries - 1; ; $left--) {
        $http_response_header = [];
        $text = @file_get_contents(getenv('API') . $path, false, stream_context_create($options));
        $status = (int) (explode(' ', $http_response_header[0] ?? '')[1] ?? 0);
        if ($text !== false && $status === 200) {
            return json_decode($text, true, 512, JSON_THROW_ON_ERROR);
        }
        if ($left === 0 || ($text !== false && !in_array($status, [429, 503], true))) {
            $error = json_decode((string) $text, true)['error'] ?? ['code' => 'NO_ANSWER', 'message' => 'no answer'];
            throw new RuntimeException("$status {$error['code']}: {$error['message']}");
        }
        sleep(1);
    }
}

try {
    [, $room, $text] = $argv;
    echo json_encode(call('/publish', ['to' => ['group' => $room], 'message' => $text])), "\n";
} catch (RuntimeException $error) {
    fwrite(STDERR, $error->getMessage() . "\n");
    exit(1);
}

"""openapi-python-client: everything an app does, with the functions as they are generated."""

import base64
import hashlib
import pathlib
import sys
import urllib.request
import uuid
from io import BytesIO

from tapebase_client import AuthenticatedClient, Client
from tapebase_client.api.accounts import sign_up
from tapebase_client.api.direct_uploads import complete_direct_upload, create_direct_upload
from tapebase_client.api.recordings import (
    delete_recording,
    get_recording,
    get_recording_audio,
    list_recordings,
    rename_recording,
    upload_recording,
    upload_recording_form,
)
from tapebase_client.models import (
    CreateUpload,
    Credentials,
    Grant,
    Problem,
    Recording,
    RecordingUpdate,
    RecordingPage,
    UploadForm,
    UploadPlan,
)
from tapebase_client.types import UNSET, File, Unset

ADDRESS, FIXTURE = sys.argv[1:]
AUDIO = pathlib.Path(FIXTURE).read_bytes()
SHA256 = hashlib.sha256(AUDIO)
DIGEST = f"sha-256=:{base64.b64encode(SHA256.digest()).decode()}:"


def audio() -> File:
    """The fixture, to be sent."""
    return File(payload=BytesIO(AUDIO), file_name="memo.m4a", mime_type="audio/mp4")


def main() -> None:
    """Signs up, uploads, lists, plays, renames and deletes."""
    credentials = Credentials(email=f"{uuid.uuid4()}@example.com", password="correct horse battery staple")
    grant = sign_up.sync(client=Client(ADDRESS), body=credentials)
    assert isinstance(grant, Grant), grant
    client = AuthenticatedClient(ADDRESS, grant.access_token)

    ids = [str(uuid.uuid4()) for _ in range(3)]
    for number, id in enumerate(ids):
        stored = upload_recording.sync(
            id, client=client, body=audio(), name=f"memo {number}.m4a", repr_digest=DIGEST
        )
        assert isinstance(stored, Recording), stored
        assert (stored.sha256, stored.media_type) == (SHA256.hexdigest(), "audio/mp4"), stored
    form = upload_recording_form.sync(client=client, body=UploadForm(file=audio(), name="form.m4a"))
    assert isinstance(form, Recording) and form.sha256 == SHA256.hexdigest(), form
    ids.append(form.id)

    listed: list[str] = []
    cursor: str | Unset = UNSET
    while True:
        page = list_recordings.sync(client=client, limit=2, cursor=cursor)
        assert isinstance(page, RecordingPage), page
        listed += [item.id for item in page.items]
        if not isinstance(page.next_cursor, str):
            break
        cursor = page.next_cursor
    assert sorted(listed) == sorted(ids), listed

    whole = get_recording_audio.sync(ids[0], client=client)
    assert isinstance(whole, File) and whole.payload.read() == AUDIO, whole
    part = get_recording_audio.sync(ids[0], client=client, range_="bytes=100-199")
    assert isinstance(part, File) and part.payload.read() == AUDIO[100:200], part

    tag = get_recording.sync_detailed(ids[0], client=client).headers["ETag"]
    changes = RecordingUpdate(name="Interview.m4a")
    renamed = rename_recording.sync(ids[0], client=client, body=changes, if_match=tag)
    assert isinstance(renamed, Recording) and renamed.name == "Interview.m4a", renamed
    late = rename_recording.sync(ids[0], client=client, body=changes, if_match=tag)
    assert isinstance(late, Problem) and late.code == "precondition-failed", late

    announced = CreateUpload(size=len(AUDIO), sha256=SHA256.hexdigest(), media_type="audio/mp4", id=str(uuid.uuid4()))
    plan = create_direct_upload.sync(client=client, body=announced)
    assert isinstance(plan, UploadPlan), plan
    begin = 0
    for part in plan.parts:
        content = AUDIO[begin : begin + part.size]
        begin += part.size
        request = urllib.request.Request(part.url, content, part.headers.to_dict(), method=part.method)
        urllib.request.urlopen(request).close()
    completed = complete_direct_upload.sync(plan.id, client=client)
    assert isinstance(completed, Recording) and completed.sha256 == SHA256.hexdigest(), completed

    assert delete_recording.sync(ids[0], client=client) is None
    gone = get_recording.sync(ids[0], client=client)
    assert isinstance(gone, Problem) and gone.code == "not-found", gone


main()

-- Who wrote what, told by the database itself: the site's code has no part in it.
-- A process is known by the application_name of its connections; a claim is whatever raises a lane's fence.

CREATE TABLE audit (
    id bigserial PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    who text NOT NULL DEFAULT current_setting('application_name'),
    what text NOT NULL,
    lane bigint,
    fence integer,
    status text,
    detail text
);

CREATE FUNCTION audit_lane() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.fence <> OLD.fence THEN
        INSERT INTO audit (what, lane, fence, status, detail)
        VALUES (CASE WHEN NEW.status = 'running' THEN 'claim' ELSE 'take' END, NEW.id, NEW.fence, NEW.status, OLD.fence);
    END IF;
    IF NEW.status <> OLD.status THEN
        INSERT INTO audit (what, lane, fence, status, detail) VALUES ('status', NEW.id, NEW.fence, NEW.status, OLD.status);
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION audit_event() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.lane_id IS NOT NULL THEN
        INSERT INTO audit (what, lane, fence, status, detail)
        SELECT 'fact', id, fence, status, NEW.identity FROM runs_lane WHERE id = NEW.lane_id;
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER audit_lane AFTER UPDATE ON runs_lane FOR EACH ROW EXECUTE FUNCTION audit_lane();
CREATE TRIGGER audit_event AFTER INSERT ON runs_event FOR EACH ROW EXECUTE FUNCTION audit_event();
